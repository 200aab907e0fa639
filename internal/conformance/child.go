package conformance

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Serve is the work of a child of a [Pool]: it reads folders from in, one a line,
// and answers each on out with the result that judge gives.
func Serve(in io.Reader, out io.Writer, judge func(dir string) Result) error {
	if _, err := fmt.Fprintln(out, answerMark); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		data, err := json.Marshal(wire(judge(lines.Text())))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s%s\n", answerMark, data); err != nil {
			return err
		}
	}
	return lines.Err()
}

// answerMark begins a child's lines: a backend may print others. The first one
// carries nothing and says that the child is ready.
const answerMark = "aat-onnx-conformance:"

// wire is a Result with all its fields in JSON.
type wire struct {
	Name      string
	Outcome   Outcome
	Op        string
	Error     string
	Refuser   string
	Kind      Kind
	Gradients int
}

// child is a running child process.
type child struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan string // closed when the child's output ends
	diag    *tail
}

// start runs a child and waits until it is ready.
func start(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, answers: make(chan string, 1), diag: &tail{}}
	cmd.Stderr = c.diag
	cmd.WaitDelay = time.Second
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go c.listen(out)
	if _, death := c.answer(2 * time.Minute); death != "" {
		return nil, errors.New("a child process did not start: " + death)
	}
	return c, nil
}

// listen passes the child's marked lines on.
func (c *child) listen(out io.Reader) {
	defer close(c.answers)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), answerMark); ok {
			c.answers <- rest
		}
	}
}

// ask has the child judge a folder. death says how the child ended instead.
func (c *child) ask(dir string, timeout time.Duration) (r Result, death string) {
	if _, err := fmt.Fprintln(c.in, dir); err != nil {
		return r, c.death()
	}
	line, death := c.answer(timeout)
	if death != "" {
		return r, death
	}
	var w wire
	if err := json.Unmarshal([]byte(line), &w); err != nil {
		c.kill()
		return r, fmt.Sprintf("the child process answered %q", line)
	}
	return Result(w), ""
}

// answer waits for a line.
func (c *child) answer(timeout time.Duration) (line, death string) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case line, ok := <-c.answers:
		if !ok {
			return "", c.death()
		}
		return line, ""
	case <-timer.C:
		c.kill()
		return "", fmt.Sprintf("no result within %s", timeout)
	}
}

// kill ends a child that does not answer.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.stop()
}

// death collects a child that ended by itself and says how.
func (c *child) death() string {
	err := c.stop()
	how := "the process ended without a result"
	if err != nil {
		how = "the process died: " + err.Error()
	}
	if last := c.diag.reason(); last != "" {
		how += ": " + last
	}
	return how
}

// stop ends a child that is idle and waits for it; the error says how it ended.
func (c *child) stop() error {
	c.in.Close()
	for range c.answers {
	}
	return c.cmd.Wait()
}

// tail reads what a child writes to its standard error and keeps two lines: the
// first that looks like a crash report, and the last.
type tail struct {
	mu                sync.Mutex
	part, crash, last string
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.part += string(p)
	for {
		line, rest, ok := strings.Cut(t.part, "\n")
		if !ok {
			break
		}
		t.part = rest
		t.keep(line)
	}
	if len(t.part) > 1<<16 {
		t.part = ""
	}
	return len(p), nil
}

// keep looks at one line.
func (t *tail) keep(line string) {
	if line = strings.TrimSpace(line); line == "" {
		return
	}
	t.last = line
	for _, mark := range []string{"panic:", "fatal error:", "SIG", "Check failed", "out of memory"} {
		if t.crash == "" && strings.Contains(line, mark) {
			t.crash = line
		}
	}
}

// reason is the line that says most.
func (t *tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep(t.part)
	return cmp.Or(t.crash, t.last)
}
