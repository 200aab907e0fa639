package finetune

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// EventKind says what an [Event] is.
type EventKind string

// What a training reports, in the order of a run.
const (
	EventStart      EventKind = "start"      // the program is compiled next
	EventStep       EventKind = "step"       // an optimiser step was done
	EventCheckpoint EventKind = "checkpoint" // the state was saved
	EventEpoch      EventKind = "epoch"      // an epoch was trained and evaluated
	EventTest       EventKind = "test"       // the best weights were measured on a split
	EventWarning    EventKind = "warning"    // see Message
	EventDone       EventKind = "done"       // the run is complete
)

// Event is one thing that happened. Fields that do not concern its kind are zero.
type Event struct {
	Kind     EventKind `json:"event"`
	Epoch    int       `json:"epoch,omitempty"`  // from 1
	Epochs   int       `json:"epochs,omitempty"` // in all
	Step     int       `json:"step,omitempty"`   // optimiser steps done
	Steps    int       `json:"steps,omitempty"`  // in all
	Rate     float64   `json:"learning_rate,omitempty"`
	Loss     float64   `json:"loss,omitempty"`      // step: of its batch; epoch: mean of training; test: of the split
	GradNorm float64   `json:"grad_norm,omitempty"` // step: of all trainable tensors together
	Split    string    `json:"split,omitempty"`     // test: which
	Accuracy float64   `json:"accuracy,omitempty"`  // epoch: of validation; test: of the split
	ValLoss  float64   `json:"val_loss,omitempty"`
	Best     bool      `json:"best,omitempty"`             // epoch: the best so far
	Message  string    `json:"message,omitempty"`          // start, warning
	Seconds  float64   `json:"seconds,omitempty"`          // since training began here; done: of all sessions
	PerStep  float64   `json:"seconds_per_step,omitempty"` // step: mean, compilation aside; 0 for the first
}

// left is how long the rest will take at the pace so far.
func (e Event) left() time.Duration {
	return time.Duration(float64(e.Steps-e.Step) * e.PerStep * float64(time.Second)).Round(time.Second)
}

// line gives the event as a sentence for people; "" for those not worth one.
func (e Event) line() string {
	switch e.Kind {
	case EventStart:
		return e.Message
	case EventStep:
		text := fmt.Sprintf("epoch %d/%d  step %d/%d  loss %.4f", e.Epoch, e.Epochs, e.Step, e.Steps, e.Loss)
		if e.PerStep == 0 {
			return text
		}
		return fmt.Sprintf("%s  %s/step  about %s left", text, pace(e.PerStep), e.left())
	case EventEpoch:
		mark := ""
		if e.Best {
			mark = "  best so far"
		}
		return fmt.Sprintf("epoch %d/%d  loss %.4f  val loss %.4f  val accuracy %.2f %%%s", e.Epoch, e.Epochs, e.Loss, e.ValLoss, 100*e.Accuracy, mark)
	case EventTest:
		return fmt.Sprintf("%s accuracy %.2f %%  loss %.4f  (weights of epoch %d)", e.Split, 100*e.Accuracy, e.Loss, e.Epoch)
	case EventWarning:
		return "warning: " + e.Message
	case EventDone:
		return fmt.Sprintf("trained %d steps in %s", e.Step, (time.Duration(e.Seconds * float64(time.Second))).Round(time.Second))
	}
	return ""
}

func pace(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Microsecond)
}

// Reporter is told what a training does. Calls come one at a time. A reporter
// cannot stop a training; its own trouble is its own.
type Reporter interface {
	Report(Event)
}

// Terminal reports to people: where w is a terminal, a line that renews itself
// with the time left; elsewhere what [Lines] writes.
func Terminal(w io.Writer) Reporter {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &terminal{w: w}
		}
	}
	return Lines(w, 10*time.Second)
}

// Lines reports one plain line for each epoch, and one for a step when every has
// passed since the last one.
func Lines(w io.Writer, every time.Duration) Reporter { return &lines{w: w, every: every} }

// JSON reports each event as one line of JSON, with the time of the event.
func JSON(w io.Writer) Reporter { return &jsonLines{w: w} }

type terminal struct {
	w     io.Writer
	open  bool // a line without its newline is on the screen
	drawn time.Time
}

// eraseLine returns the cursor and clears to the end of the line (ECMA-48).
const eraseLine = "\r\x1b[K"

// Report draws the event. Errors of a terminal have nowhere to go.
func (t *terminal) Report(e Event) {
	text := e.line()
	switch {
	case text == "":
		return
	case e.Kind == EventStep:
		if time.Since(t.drawn) < 100*time.Millisecond {
			return
		}
		t.drawn, t.open = time.Now(), true
		_, _ = io.WriteString(t.w, eraseLine+text)
	default:
		if t.open {
			text = eraseLine + text
		}
		t.open = false
		_, _ = io.WriteString(t.w, text+"\n")
	}
}

type lines struct {
	w     io.Writer
	every time.Duration
	last  time.Time
}

// Report writes the event's line.
func (l *lines) Report(e Event) {
	if e.Kind == EventStep {
		if l.last.IsZero() {
			l.last = time.Now()
		}
		if time.Since(l.last) < l.every {
			return
		}
	}
	if text := e.line(); text != "" {
		l.last = time.Now()
		_, _ = io.WriteString(l.w, text+"\n")
	}
}

type jsonLines struct{ w io.Writer }

// Report writes the event as one line.
func (j *jsonLines) Report(e Event) { _ = writeEvent(j.w, e) }

func writeEvent(w io.Writer, e Event) error {
	text, err := json.Marshal(struct {
		Time string `json:"time"`
		Event
	}{time.Now().UTC().Format(time.RFC3339Nano), e})
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// teller hands events to the run's log and to the caller's reporter, and keeps
// the clock.
type teller struct {
	log    *os.File
	out    Reporter
	began  time.Time
	before float64 // seconds of former sessions
	steps  int     // done in this session
	work   time.Duration
}

func (t *teller) tell(e Event) error {
	e.Seconds = time.Since(t.began).Seconds()
	if e.Kind == EventDone {
		e.Seconds += t.before
	}
	if t.out != nil {
		t.out.Report(e)
	}
	if t.log == nil {
		return nil
	}
	if err := writeEvent(t.log, e); err != nil {
		return fmt.Errorf("writing %s: %w", t.log.Name(), err)
	}
	return nil
}

// worked notes how long a step took and gives the mean so far in seconds. The
// first step compiles the program, so it does not count: after it there is no
// mean yet, which is 0.
func (t *teller) worked(d time.Duration) float64 {
	if t.steps++; t.steps == 1 {
		return 0
	}
	t.work += d
	return t.work.Seconds() / float64(t.steps-1)
}
