package pjrt

import "fmt"

// DownloadError says why a plugin could not be fetched, checked, unpacked or
// used. Error is one line; Hint names the next step.
type DownloadError struct {
	What string // what went wrong, with the file or package concerned
	Hint string // what to do, without a trailing full stop
	Err  error  // cause, if another error is behind it
}

// Error is What, followed by the cause.
func (e *DownloadError) Error() string {
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DownloadError) Unwrap() error { return e.Err }

// SpecError is a backend or install name that does not exist: wrong usage.
type SpecError struct {
	Got  string // as the user wrote it
	Want string // the choices
}

// Error names what was given and what can be.
func (e *SpecError) Error() string {
	return fmt.Sprintf("unknown backend %q: choose %s", e.Got, e.Want)
}

// ProbeError is a library that failed in the child process.
type ProbeError struct {
	Path   string // the library
	Reason string // one line: the library's own message, the signal, or the time limit
}

// Error names the library and the reason.
func (e *ProbeError) Error() string {
	return fmt.Sprintf("%s failed its probe: %s", e.Path, e.Reason)
}
