package data

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
)

// maxFile bounds one recording's file: two hours of 48 kHz stereo in 32 bit.
const maxFile = 3 << 30

// loaded is what reading one recording gave.
type loaded struct {
	digest   [sha256.Size]byte
	features []float32
	silent   bool
	cut      bool // longer than the model's input
	err      error
}

// load reads every item's recording in parallel. Results are stored by index, so
// neither the number of workers nor their timing changes the set.
func (s *Set) load(ctx context.Context, o Options) error {
	results := make([]loaded, len(s.Items))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan int)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		done int
		fail error
	)
	for range workers(o.Workers, len(s.Items)) {
		wg.Go(func() {
			r, err := newReader(o.FrontEnd)
			if err != nil {
				mu.Lock()
				fail = errors.Join(fail, err)
				mu.Unlock()
				cancel()
				return
			}
			for i := range jobs {
				results[i] = r.read(s.Items[i].Path)
				mu.Lock()
				done++
				if o.Progress != nil {
					o.Progress(done, len(results))
				}
				mu.Unlock()
			}
		})
	}
feed:
	for i := range s.Items {
		select {
		case jobs <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(jobs)
	wg.Wait()
	if fail != nil {
		return fail
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.accept(results, o.MaxBadShare)
}

func workers(n, jobs int) int {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return max(1, min(n, jobs))
}

// accept keeps the recordings that could be read, and reports the others.
func (s *Set) accept(results []loaded, maxBad float64) error {
	total := len(s.Items)
	good := s.Items[:0]
	var silent, cut []string
	for i, r := range results {
		it := s.Items[i]
		if r.err != nil {
			s.Skipped = append(s.Skipped, Skip{File: it.place, Err: r.err})
			continue
		}
		it.Features, it.Digest = r.features, r.digest
		if r.silent {
			silent = append(silent, it.place)
		}
		if r.cut {
			cut = append(cut, it.place)
		}
		good = append(good, it)
	}
	s.Items = good
	if err := s.tooBroken(total, maxBad); err != nil {
		return err
	}
	if len(silent) == len(good) {
		what := "all " + plural(len(good), "recording is silent", "recordings are silent")
		if len(good) == 1 {
			what = "the only recording is silent"
		}
		return &DataError{What: what, Files: silent, Hint: "see whether the right channel or folder was recorded"}
	}
	if len(silent) > 0 {
		s.warn(Silent, plural(len(silent), "recording is silent", "recordings are silent"), silent)
	}
	if len(cut) > 0 {
		s.warn(Cut, fmt.Sprintf("%s than the model's %d frames; what is beyond them is not used",
			plural(len(cut), "recording is longer", "recordings are longer"), s.Frames), cut)
	}
	return nil
}

// tooBroken is an error where more recordings were skipped than the share maxBad
// of all, or no recording is left. One broken file is borne in a set of any size,
// unless maxBad is 0.
func (s *Set) tooBroken(total int, maxBad float64) error {
	bad := len(s.Skipped)
	borne := maxBad * float64(total)
	if maxBad > 0 {
		borne = max(borne, 1)
	}
	if float64(bad) <= borne && bad < total {
		return nil
	}
	e := &DataError{
		What: fmt.Sprintf("%d of %s cannot be read, more than the tolerated share of %g %%", bad, plural(total, "recording", "recordings"), 100*maxBad),
		Hint: "repair these files, or take them out of the folder or the table",
	}
	if bad == total {
		e.What = fmt.Sprintf("none of %s can be read", plural(total, "recording", "recordings"))
	}
	for _, k := range s.Skipped {
		e.Files = append(e.Files, k.String())
	}
	return e
}

// readFile reads a whole recording, refusing what is not a plain file of a
// bearable size before any memory is taken.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a plain file")
	}
	if info.Size() == 0 {
		return nil, errors.New("is empty")
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", int64(maxFile))
	}
	return os.ReadFile(path)
}
