package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/diff"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/internal/ort"
)

// The promises, in the order of the report.
var promises = []struct{ name, what string }{
	{"plan", "a kind that does not go into a model says so, with advice; nothing else goes wrong"},
	{"verify", "the injected model is a valid one"},
	{"count", "as many numbers are trainable as were planned"},
	{"noop", "by the graph, the untrained model computes what its base does"},
	{"ort", "and in ONNX Runtime, to the last bit at each of its four levels (in half precision, whose operators it computes in single with casts that it places by the operators around, to 2 units of half precision)"},
	{"diff", "nothing but adapters differs"},
	{"gradient", "the loss has a gradient for each trainable tensor and for nothing else"},
	{"frozen", "after a step of training every tensor of the base is as it was"},
	{"replay", "written, and read again, the recipe plans the very same model"},
	{"eject", "the base comes back byte for byte"},
}

// changesFromTheStart are the kinds that by their nature compute otherwise than the
// base before they are trained, and why.
var changesFromTheStart = map[string]string{
	"prompt":      "attention reads the tokens that are added",
	"prompt-deep": "attention reads the tokens that are added",
}

// candidate is a model that kinds are tried on.
type candidate struct {
	*family
	base  *gs.Model
	bytes []byte
	half  bool // it computes in half precision

	results map[string]map[string]ort.Tensor // of the base by level; nil where it does not run
}

// measure injects a kind and checks all that was promised.
func (c *candidate) measure(k kinds.Kind) score {
	s := score{Family: c.name, Method: k.Method, Failed: map[string]string{}}
	note := func(promise string, err error) {
		if err != nil && s.Failed[promise] == "" {
			s.Failed[promise] = err.Error()
		}
	}
	plan, err := c.plan(k)
	var refused *gs.UnsupportedError
	if errors.As(err, &refused) {
		s.Refused = refused.What
		if refused.Hint == "" {
			note("plan", fmt.Errorf("refused without advice: %w", err))
		}
		return s
	}
	if err != nil {
		note("plan", err)
		return s
	}
	s.Adapters, s.Parameters, s.Share = len(plan.Adapters()), plan.Parameters(), plan.Share()
	adapted, err := plan.Inject()
	if err != nil {
		note("plan", err)
		return s
	}
	note("verify", adapted.Verify())
	if n := count(adapted); n != plan.Parameters() {
		note("count", fmt.Errorf("%d numbers are trained, planned were %d", n, plan.Parameters()))
	}
	if changesFromTheStart[k.Method] == "" {
		note("noop", adapterinject.CheckNoop(c.base, adapted))
		if c.runtime != nil {
			s.ORT, err = c.equalInORT(adapted)
			note("ort", err)
		}
	}
	note("diff", onlyAdapters(c.base, adapted))
	if err := perturb(adapted); err != nil {
		note("frozen", err)
	}
	if c.backend != nil {
		s.Gradients, err = c.gradients(adapted)
		note("gradient", err)
	}
	note("frozen", c.frozen(adapted))
	c.written(adapted, note)
	return s
}

// plan plans the kind's own recipe; a kind of new heads needs labels.
func (c *candidate) plan(k kinds.Kind) (*adapterinject.InjectionPlan, error) {
	recipe, err := k.Recipe(kinds.Options{Seed: 7})
	if err != nil {
		return nil, err
	}
	var head adapterinject.Head
	if k.Method == "head" {
		head = adapterinject.Head{Labels: []string{"bee", "fly", "wasp"}, Seed: 3}
	}
	return adapterinject.Plan(c.base, recipe, head)
}

// equalInORT compares results bit by bit at every level; false if the base does not
// run there. The logits of a new head have nothing to be compared with.
func (c *candidate) equalInORT(adapted *gs.Model) (bool, error) {
	data, err := adapted.Bytes()
	if err != nil {
		return false, err
	}
	if c.results == nil {
		c.results = map[string]map[string]ort.Tensor{}
		for _, l := range levels {
			if got, err := c.runORT(c.bytes, l.level); err == nil {
				c.results[l.name] = got
			}
		}
	}
	var failed []string
	for _, l := range levels {
		want := c.results[l.name]
		if want == nil {
			continue
		}
		got, err := c.runORT(data, l.level)
		if err != nil {
			failed = append(failed, fmt.Sprintf("level %s: %v", l.name, err))
			continue
		}
		for _, v := range adapted.Graph.Outputs() {
			if p := v.Producer(); p != nil && strings.HasPrefix(p.Name(), adapterinject.Prefix+"head/") {
				continue
			}
			if d, equal := distance(got[v.Name()], want[v.Name()]); !equal && !(c.half && d <= halfUnits*largest(want[v.Name()])) {
				failed = append(failed, fmt.Sprintf("level %s: output %q is up to %.1e off", l.name, v.Name(), d))
			}
		}
	}
	if len(failed) > 0 {
		return true, errors.New(strings.Join(failed, "; "))
	}
	return len(c.results) == len(levels), nil
}

// halfUnits are two units of half precision, of which one is 2^-10 of a number.
const halfUnits = 2.0 / 1024

func largest(t ort.Tensor) float64 {
	most := 0.0
	for _, x := range t.F32 {
		most = max(most, math.Abs(float64(x)))
	}
	return most
}

// distance compares two results of ONNX Runtime, NaN with NaN by their bits.
func distance(got, want ort.Tensor) (furthest float64, equal bool) {
	equal = slices.Equal(got.Shape, want.Shape) && len(got.F32) == len(want.F32) && slices.Equal(got.I64, want.I64) &&
		slices.Equal(got.I32, want.I32) && slices.Equal(got.Bool, want.Bool) && bytes.Equal(got.Raw, want.Raw)
	for i := range min(len(got.F32), len(want.F32)) {
		if math.Float32bits(got.F32[i]) != math.Float32bits(want.F32[i]) {
			equal = false
			furthest = max(furthest, math.Abs(float64(got.F32[i])-float64(want.F32[i])))
		}
	}
	return furthest, equal
}

// onlyAdapters holds a model to what 'aat-onnx diff --only-adapters' asks, but for the
// replay of the recipe, which is a promise of its own.
func onlyAdapters(base, adapted *gs.Model) error {
	only := diff.Only{Prefix: adapterinject.Prefix, Metadata: "aat.", Rewired: diff.AnyNumber}
	for _, v := range adapted.Graph.Outputs() {
		if p := v.Producer(); p != nil && strings.HasPrefix(p.Name(), adapterinject.Prefix) {
			only.Outputs = append(only.Outputs, v.Name())
		}
	}
	return diff.Assert(base, adapted, only)
}

// count sums the numbers of what is trained.
func count(m *gs.Model) int64 {
	var n int64
	for _, name := range adapterinject.Trainable(m) {
		n += m.Graph.Initializer(name).Len()
	}
	return n
}

// perturb moves every trainable number a little, so that nothing is zero and every
// tensor has a part in the result.
func perturb(m *gs.Model) error {
	return change(m, func(k int, _ string, xs []float32) {
		for i := range xs {
			xs[i] += 0.02 * float32(math.Sin(float64(1+i*7+k*13)))
		}
	})
}

// change sets every trainable tensor.
func change(m *gs.Model, set func(k int, name string, xs []float32)) error {
	for k, name := range adapterinject.Trainable(m) {
		old := m.Graph.Initializer(name)
		xs, err := old.Float32s()
		if err != nil {
			return err
		}
		xs = slices.Clone(xs)
		set(k, name, xs)
		if err := m.SetInitializer(name, gs.NewTensor(old.Shape(), xs)); err != nil {
			return err
		}
	}
	return nil
}

// frozen compares the base's tensors with those of the trained model, but for those of
// a head that was replaced.
func (c *candidate) frozen(adapted *gs.Model) error {
	left := map[string]bool{}
	for _, t := range adapted.Graph.Initializers() {
		if strings.HasPrefix(t.Name(), adapterinject.Prefix) {
			continue
		}
		left[t.Name()] = true
		old := c.base.Graph.Initializer(t.Name())
		if old == nil {
			return fmt.Errorf("tensor %q is not the base's", t.Name())
		}
		a, errA := t.Digest()
		b, errB := old.Digest()
		if errA != nil || errB != nil || a != b {
			return fmt.Errorf("tensor %q has digest %s, in the base %s (%v)", t.Name(), a, b, errors.Join(errA, errB))
		}
	}
	for _, t := range c.base.Graph.Initializers() {
		v := adapted.Graph.Value(t.Name())
		if !left[t.Name()] && v != nil {
			return fmt.Errorf("tensor %q of the base is missing", t.Name())
		}
	}
	return nil
}

// written checks what a trained model says of itself after it was written and read.
func (c *candidate) written(adapted *gs.Model, note func(string, error)) {
	data, err := adapted.Bytes()
	if err != nil {
		note("replay", err)
		return
	}
	read, err := gs.Parse(data)
	if err != nil {
		note("replay", err)
		return
	}
	plan, err := kinds.Replan(c.base, read)
	if err == nil {
		var misfits []adapterinject.Misfit
		if misfits, err = plan.Misfits(read); len(misfits) > 0 {
			err = fmt.Errorf("%d misfits, first %s", len(misfits), misfits[0])
		}
	}
	note("replay", err)
	restored, err := adapterinject.Eject(read)
	if err != nil {
		note("eject", err)
		return
	}
	if got, err := restored.Bytes(); err != nil || !bytes.Equal(got, c.bytes) {
		note("eject", fmt.Errorf("the base came back in %d bytes, want its %d (%v)", len(got), len(c.bytes), err))
	}
}
