package finetune

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// openLog opens a log to append to. A line that a killed process left half
// written is ended, so that the next event starts its own.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("opening the run's log: %w", err)
	}
	if err := endLine(f); err != nil {
		return nil, errors.Join(fmt.Errorf("continuing the run's log: %w", err), f.Close())
	}
	return f, nil
}

func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	_, err = f.Write([]byte{'\n'})
	return err
}

// eachLogged shows the events of a log in order. Lines that are not events, such
// as a half written one, are passed over. No log means no events.
func eachLogged(path string, see func(Event)) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		var e Event
		if json.Unmarshal(line, &e) == nil {
			see(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// loggedSeconds adds up how long the sessions of a log took. No log means no time.
func loggedSeconds(path string) (float64, error) {
	total, session := 0.0, 0.0
	err := eachLogged(path, func(e Event) {
		switch e.Kind {
		case EventStart:
			total, session = total+session, 0
		case EventDone: // holds the seconds of all sessions
			total, session = 0, e.Seconds
		default:
			session = max(session, e.Seconds)
		}
	})
	return total + session, err
}

// loggedDivergence gives what the last session of a log says of a divergence, ""
// where there was none.
func loggedDivergence(path string) (message string, err error) {
	err = eachLogged(path, func(e Event) {
		switch {
		case e.Kind == EventStart:
			message = ""
		case e.Kind == EventWarning && tellsOfDivergence(e.Message):
			message = e.Message
		}
	})
	return message, err
}
