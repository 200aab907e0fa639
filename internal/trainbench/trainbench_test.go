package trainbench

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// fakeSide is a side in shell: every step takes 0.5 s, losses fall by one.
const fakeSide = `echo '{"about":"fake"}'
while read n; do
  if [ "$n" = 1 ]; then echo '{"seconds":[0.5],"cpu":[0.25],"losses":[2]}'
  else echo '{"seconds":[0.5,0.7],"cpu":[0.25,0.25],"losses":[1,0]}'; fi
done
echo '{"peak":1000}'`

func TestMeasureTakesTurns(t *testing.T) {
	sides := []*Side{
		{Name: "a", Command: []string{"sh", "-c", fakeSide}},
		{Name: "b", Command: []string{"sh", "-c", fakeSide}},
	}
	if err := Measure(context.Background(), sides, 3, 2); err != nil {
		t.Fatal(err)
	}
	for _, s := range sides {
		if s.About.About != "fake" || s.First != 0.5 || s.Peak != 1000 {
			t.Errorf("%s: about %q, first %v, peak %v; want fake, 0.5, 1000", s.Name, s.About.About, s.First, s.Peak)
		}
		if want := []float64{0.6, 0.6, 0.6}; !slices.EqualFunc(s.Seconds, want, near) {
			t.Errorf("%s: rounds %v, want %v", s.Name, s.Seconds, want)
		}
		if want := []float64{2, 1, 0, 1, 0, 1, 0, 1, 0}; !slices.Equal(s.Losses, want) {
			t.Errorf("%s: losses %v, want %v", s.Name, s.Losses, want)
		}
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestMeasureNamesTheSideThatEnds(t *testing.T) {
	err := Measure(context.Background(), []*Side{{Name: "broken", Command: []string{"sh", "-c", "exit 3"}}}, 1, 1)
	if err == nil || !strings.Contains(err.Error(), "broken ended early") {
		t.Errorf("got %v, want that broken ended early", err)
	}
}

func TestServe(t *testing.T) {
	loss := 3.0
	var out strings.Builder
	err := Serve(strings.NewReader("1\n2\n"), &out, About{About: "us"}, func() (float64, error) {
		loss--
		return loss, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4: %q", len(lines), lines)
	}
	var second steps
	if err := json.Unmarshal([]byte(lines[2]), &second); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(second.Losses, []float64{1, 0}) || len(second.Seconds) != 2 || len(second.CPU) != 2 {
		t.Errorf("second request: %+v, want losses 1 and 0 with their times", second)
	}
	broken := errors.New("broken")
	if err := Serve(strings.NewReader("1\n"), &out, About{}, func() (float64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the step's error", err)
	}
}
