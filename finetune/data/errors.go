package data

import (
	"fmt"
	"strings"
)

// shown is how many files an error or a warning names; the rest is counted.
const shown = 5

// DataError says that the recordings cannot be trained on as they are.
type DataError struct {
	What  string   // what is wrong, where, got and want
	Hint  string   // what to do about it; may be empty
	Files []string // the files concerned, each with its place or reason; may be empty
}

// Error gives What and, where files are concerned, their number and the first few.
func (e *DataError) Error() string { return e.What + list(e.Files) }

// Skip is one recording that was left out, and why.
type Skip struct {
	File string
	Err  error
}

// String gives "file: reason".
func (s Skip) String() string { return fmt.Sprintf("%s: %v", s.File, s.Err) }

// WarningKind says what a [Warning] is about.
type WarningKind string

// The kinds of warnings. None of them stops a training.
const (
	Leak      WarningKind = "leak"      // the same content in two splits
	Repeated  WarningKind = "repeated"  // the same content more than once in one split
	Silent    WarningKind = "silent"    // recordings without any sound
	Cut       WarningKind = "cut"       // recordings longer than the model's input
	Unlabeled WarningKind = "unlabeled" // audio files outside every label folder
	Absent    WarningKind = "absent"    // a label or a split without recordings
)

// Warning is something a person should look at before trusting the numbers.
type Warning struct {
	Kind  WarningKind
	What  string
	Files []string
}

// String gives What and, where files are concerned, their number and the first few.
func (w Warning) String() string { return w.What + list(w.Files) }

// plural gives "1 <one>" or "n <many>".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// list renders ": a, b, c and 7 more", or nothing.
func list(files []string) string {
	if len(files) == 0 {
		return ""
	}
	text := ": " + strings.Join(files[:min(shown, len(files))], ", ")
	if more := len(files) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
