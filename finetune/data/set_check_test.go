package data

import (
	"errors"
	"strings"
	"testing"
)

// TestSetCheck: what a set made by hand can have wrong is told with place, got and want.
func TestSetCheck(t *testing.T) {
	good := func() *Set {
		return &Set{Labels: []string{"a", "b"}, Frames: 2, MelBins: 3, Items: []Item{{File: "x.wav", Label: 1, Features: make([]float32, 6)}}}
	}
	if err := good().Check(); err != nil {
		t.Errorf("a good set: %v", err)
	}
	for want, change := range map[string]func(s *Set){
		"has class 2, and there are 2 labels":  func(s *Set) { s.Items[0].Label = 2 },
		"has class -1":                         func(s *Set) { s.Items[0].Label = -1 },
		"x.wav) has 5 features, want 2 frames": func(s *Set) { s.Items[0].Features = make([]float32, 5) },
		"1 labels; a classifier needs two":     func(s *Set) { s.Labels = s.Labels[:1] },
	} {
		s := good()
		change(s)
		err := s.Check()
		var d *DataError
		if !errors.As(err, &d) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want a DataError with %q", err, want)
		}
	}
	var none *Set
	if none.Check() == nil {
		t.Error("no set passed")
	}
}
