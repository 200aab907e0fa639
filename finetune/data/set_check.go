package data

import "fmt"

// Check is a [DataError] if a set made by hand, not by [Open], cannot be trained on:
// fewer than two labels, a class that is none of them, or features of another length
// than Frames·MelBins.
func (s *Set) Check() error {
	if s == nil {
		return &DataError{What: "no data set: got nil"}
	}
	if len(s.Labels) < 2 {
		return &DataError{What: fmt.Sprintf("%d labels; a classifier needs two or more", len(s.Labels))}
	}
	want := s.Frames * s.MelBins
	for i, item := range s.Items {
		switch {
		case item.Label < 0 || item.Label >= len(s.Labels):
			return &DataError{What: fmt.Sprintf("recording %d (%s) has class %d, and there are %d labels", i, item.File, item.Label, len(s.Labels))}
		case len(item.Features) != want:
			return &DataError{What: fmt.Sprintf("recording %d (%s) has %d features, want %d frames of %d bins", i, item.File, len(item.Features), s.Frames, s.MelBins)}
		}
	}
	return nil
}
