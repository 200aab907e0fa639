package audio

import (
	"errors"
	"fmt"
	"strings"
)

// FormatError says that a recording or a settings file is broken: cut short,
// contradicting itself, or not what its first bytes say.
type FormatError struct {
	File   string // empty when the input had no name
	What   string // what was found and what was wanted
	Offset int64  // byte in the file, 0 when no single place is at fault
	Err    error  // cause, may be nil
}

// Error gives file, place, fault and cause in one line.
func (e *FormatError) Error() string {
	return describe(e.File, e.Offset, e.What, e.Err)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// UnsupportedError says that the input is valid, as far as was read, but of a
// kind that this package does not handle.
type UnsupportedError struct {
	File   string // empty when the input had no name
	What   string // the kind that was found
	Hint   string // what to do about it
	Offset int64  // byte in the file, 0 when no single place is meant
	Err    error  // cause, may be nil
}

// Error gives file, place and kind in one line, and what to do about it.
func (e *UnsupportedError) Error() string {
	text := describe(e.File, e.Offset, e.What, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *UnsupportedError) Unwrap() error { return e.Err }

func describe(file string, offset int64, what string, err error) string {
	var parts []string
	if file != "" {
		parts = append(parts, file)
	}
	if offset > 0 {
		what = fmt.Sprintf("at byte %d: %s", offset, what)
	}
	parts = append(parts, what)
	if err != nil {
		parts = append(parts, err.Error())
	}
	return strings.Join(parts, ": ")
}

// inFile names the file in an error of this package that does not name one.
func inFile(err error, file string) error {
	var format *FormatError
	var unsupported *UnsupportedError
	switch {
	case errors.As(err, &format):
		named := *format
		named.File = file
		return &named
	case errors.As(err, &unsupported):
		named := *unsupported
		named.File = file
		return &named
	}
	return fmt.Errorf("%s: %w", file, err)
}
