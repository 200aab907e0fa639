package finetune

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLinesAreForPeople(t *testing.T) {
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{Kind: EventStart, Message: "training"}, "training"},
		{Event{Kind: EventStep, Epoch: 2, Epochs: 25, Step: 30, Steps: 500, Loss: 1.25, PerStep: 0.5}, "epoch 2/25  step 30/500  loss 1.2500  500ms/step  about 3m55s left"},
		{Event{Kind: EventStep, Epoch: 1, Epochs: 25, Step: 1, Steps: 500, Loss: 2}, "epoch 1/25  step 1/500  loss 2.0000"},
		{Event{Kind: EventEpoch, Epoch: 2, Epochs: 25, Loss: 1, ValLoss: 2, Accuracy: 0.875, Best: true}, "epoch 2/25  loss 1.0000  val loss 2.0000  val accuracy 87.50 %  best so far"},
		{Event{Kind: EventTest, Split: "test", Epoch: 7, Accuracy: 0.5, Loss: 2}, "test accuracy 50.00 %  loss 2.0000  (weights of epoch 7)"},
		{Event{Kind: EventWarning, Message: "careful"}, "warning: careful"},
		{Event{Kind: EventDone, Step: 500, Seconds: 61.2}, "trained 500 steps in 1m1s"},
		{Event{Kind: EventCheckpoint, Step: 3}, ""},
	} {
		if got := c.event.line(); got != c.want {
			t.Errorf("%s: line %q, want %q", c.event.Kind, got, c.want)
		}
	}
}

func TestLinesReportsStepsSparingly(t *testing.T) {
	var out bytes.Buffer
	r := Lines(&out, time.Hour)
	for i := range 100 {
		r.Report(Event{Kind: EventStep, Step: i})
	}
	r.Report(Event{Kind: EventEpoch, Epoch: 1})
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want the epoch's only:\n%s", n, out.String())
	}
}

func TestTerminalRenewsItsLine(t *testing.T) {
	var out bytes.Buffer
	r := &terminal{w: &out}
	r.Report(Event{Kind: EventStep, Step: 1, Steps: 9})
	r.Report(Event{Kind: EventStep, Step: 2, Steps: 9}) // too soon to draw
	r.Report(Event{Kind: EventEpoch, Epoch: 1, Epochs: 1})
	got := out.String()
	if strings.Count(got, eraseLine) != 2 || strings.Contains(got, "step 2/9") || !strings.HasSuffix(got, "\n") {
		t.Errorf("drawn %q", got)
	}
}

// A file is no terminal: it gets plain lines.
func TestTerminalWritesPlainLinesToAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	Terminal(f).Report(Event{Kind: EventWarning, Message: "careful"})
	if got := readFile(t, f.Name()); got != "warning: careful\n" {
		t.Errorf("written %q", got)
	}
}

func TestJSONReportsOneLineAnEvent(t *testing.T) {
	var out bytes.Buffer
	JSON(&out).Report(Event{Kind: EventEpoch, Epoch: 3, Accuracy: 0.5})
	if got := out.String(); !strings.HasPrefix(got, `{"time":"`) || !strings.HasSuffix(got, `","event":"epoch","epoch":3,"accuracy":0.5}`+"\n") {
		t.Errorf("written %q", got)
	}
}

// Sessions add up; a half written line of a killed one is ended and passed over.
func TestLoggedSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), fileLog)
	text := `{"event":"start"}` + "\n" + `{"event":"step","seconds":5}` + "\n" + `{"event":"step","sec`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, add := range []string{`{"event":"start"}` + "\n" + `{"event":"step","seconds":2.5}` + "\n", `{"event":"done","seconds":9}` + "\n"} {
		before, err := loggedSeconds(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(add); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := loggedSeconds(path)
		if err != nil {
			t.Fatal(err)
		}
		want := map[float64]float64{5: 7.5, 7.5: 9}[before]
		if after != want {
			t.Errorf("%v s became %v s, want %v", before, after, want)
		}
	}
	if got, err := loggedSeconds(path + "none"); got != 0 || err != nil {
		t.Errorf("no log gives %v s (%v), want 0", got, err)
	}
}
