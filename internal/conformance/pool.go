package conformance

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Pool runs folders in child processes, so that a crash costs one test only.
type Pool struct {
	// Child makes the command of a child, which must call [Serve].
	Child func(context.Context) *exec.Cmd
	// Jobs is how many children run at once; 0 means one.
	Jobs int
	// Batch is how many folders a child runs before it is replaced, which bounds
	// the memory of compiled programs; 0 means 200.
	Batch int
	// Timeout bounds one folder; 0 means two minutes.
	Timeout time.Duration
}

// Run judges the folders and returns the results in their order. A folder during
// which its child dies or does not answer in time has failed; the others go on in
// a new child. Progress, if not nil, hears of each result, from one goroutine at
// a time. The error is that of a child that cannot start, or the context's.
func (p Pool) Run(ctx context.Context, dirs []string, progress func(Result)) ([]Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]Result, len(dirs))
	next := make(chan int)
	var workers sync.WaitGroup
	var report sync.Mutex
	for range max(1, p.Jobs) {
		workers.Go(func() {
			w := worker{pool: p}
			defer w.stop()
			for i := range next {
				r, err := w.judge(ctx, dirs[i])
				if err != nil {
					cancel(err)
					continue // drains next
				}
				report.Lock()
				if results[i] = r; progress != nil {
					progress(r)
				}
				report.Unlock()
			}
		})
	}
	for i := range dirs {
		next <- i
	}
	close(next)
	workers.Wait()
	return results, context.Cause(ctx)
}

// worker runs folders one after another in its present child.
type worker struct {
	pool  Pool
	child *child
	done  int // folders that this child has run
}

// judge runs one folder.
func (w *worker) judge(ctx context.Context, dir string) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	batch, timeout := w.pool.Batch, w.pool.Timeout
	if batch == 0 {
		batch = 200
	}
	if timeout == 0 {
		timeout = 2 * time.Minute
	}
	if w.done == batch {
		w.stop()
	}
	if w.child == nil {
		var err error
		if w.child, err = start(w.pool.Child(ctx)); err != nil {
			return Result{}, err
		}
		w.done = 0
	}
	w.done++
	r, death := w.child.ask(dir, timeout)
	if death == "" {
		return r, nil
	}
	w.child = nil
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return Result{Name: filepath.Base(dir), Op: Operator(dir), Outcome: Failed, Error: death}, nil
}

// stop ends the child, if there is one.
func (w *worker) stop() {
	if w.child != nil {
		w.child.stop()
		w.child = nil
	}
}
