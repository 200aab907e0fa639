package importer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// job is one run: the tensors fed, in the order of the values that they are fed
// to and of the items in those, and the names of what is to be computed.
type job struct {
	args    []*tensors.Tensor
	ports   []*graphsurgery.Value
	layouts []layout // of ports
	outputs []string
}

// argument gives the place of a port's tensor among the arguments, or -1.
func (j *job) argument(v *graphsurgery.Value) int {
	i := slices.Index(j.ports, v)
	if i < 0 || j.layouts[i].kind != graphsurgery.KindTensor {
		return -1
	}
	at := 0
	for _, l := range j.layouts[:i] {
		at += l.count()
	}
	return at
}

// count is the number of tensors.
func (l layout) count() int {
	if l.kind == graphsurgery.KindTensor {
		return 1
	}
	n := 0
	for _, item := range l.items {
		n += item.count()
	}
	return n
}

// key tells programs apart by the shapes of their arguments and by their outputs.
func (j *job) key() string {
	var key strings.Builder
	for i, v := range j.ports {
		fmt.Fprintf(&key, "%q=%s;", v.Name(), j.layouts[i].text())
	}
	for _, a := range j.args {
		fmt.Fprint(&key, a.Shape(), ";")
	}
	fmt.Fprintf(&key, "%q", j.outputs)
	return key.String()
}

// feeding are the tensors that a program is compiled for. In some models an input
// decides a shape, such as Reshape's second operand; its elements are then built
// into the program, which serves these elements only.
type feeding struct {
	job *job
	// given lets lowerings read elements; without it they are refused, and refused
	// says that one was. So a program is specialised only if there is no other way.
	given, refused bool
	// read holds, by argument, the elements that were built in.
	read map[int][]byte
}

// origin gives the origin of an input whose elements may be read, else nil.
func (f *feeding) origin(v *graphsurgery.Value) *origin {
	if f == nil || !f.given {
		return nil
	}
	i := f.job.argument(v)
	if i < 0 || f.job.args[i].Size() > maxDemanded {
		return nil
	}
	return &origin{read: func() (*hostTensor, error) {
		t, err := ONNXTensor(f.job.args[i])
		if err != nil {
			return nil, err
		}
		if f.read[i], err = t.Raw(); err != nil {
			return nil, err
		}
		return hostOf(t)
	}}
}

// refuse notes that the elements of an input were needed.
func (f *feeding) refuse() {
	if f != nil {
		f.refused = true
	}
}

// serves tells whether a program with these elements built in fits the arguments.
func (f *feeding) serves(args []*tensors.Tensor) bool {
	for i, want := range f.read {
		same := false
		err := args[i].ConstBytes(func(got []byte) { same = bytes.Equal(got, want) })
		if err != nil || !same {
			return false
		}
	}
	return true
}

// compiled is one program, what it was compiled for, and the form of its results.
type compiled struct {
	key     string
	feeding *feeding
	exec    *model.Exec
	results []layout
}

// call runs the program for a job, made now if there is none.
func (r *Runner) call(j *job) ([]*tensors.Tensor, []layout, error) {
	key := j.key()
	special := false
	for i, c := range r.compiled {
		if c.key != key {
			continue
		}
		if c.feeding.serves(j.args) {
			r.compiled = append(slices.Delete(r.compiled, i, i+1), c)
			out, err := c.call(j.args)
			return out, c.results, err
		}
		special = true // other elements were built in
	}
	c, out, err := r.compile(key, j, special)
	if err != nil && c.feeding.refused && !special {
		c, out, err = r.compile(key, j, true)
	}
	return out, c.results, err
}

// compile makes a program, runs it and keeps it if that worked.
func (r *Runner) compile(key string, j *job, given bool) (*compiled, []*tensors.Tensor, error) {
	f := &feeding{job: j, given: given, read: make(map[int][]byte)}
	c := &compiled{key: key, feeding: f}
	var err error
	c.exec, err = model.NewExec(r.backend, r.store, func(scope *model.Scope, g *graph.Graph, nodes []*graph.Node) []*graph.Node {
		t := newTracer(r.program, g, scope.Store())
		t.feeding = f
		defer t.annotate()
		for i, v := range j.ports {
			t.wires[v] = t.laidOut(j.layouts[i], &nodes)
			if d := v.DType(); storedDType(d) != d {
				labelled(t.wires[v], d)
			}
			t.wires[v].origin = f.origin(v)
		}
		targets, err := r.program.targets(j.outputs)
		if err != nil {
			panic(err)
		}
		var out []*graph.Node
		c.results = nil
		for _, w := range t.run(targets) {
			c.results = append(c.results, t.spread(w, &out))
		}
		return ownNodes(out)
	})
	if err != nil {
		return c, nil, err
	}
	out, err := c.call(j.args)
	if err != nil {
		c.exec.Finalize()
		return c, nil, err
	}
	j.args = nil // the tensors are the caller's
	if len(r.compiled) >= r.program.options.MaxPrograms {
		r.compiled[0].exec.Finalize()
		r.compiled = slices.Delete(r.compiled, 0, 1)
	}
	r.compiled = append(r.compiled, c)
	return c, out, nil
}

// ownNodes gives results that are arguments a node of their own: the pure Go
// backend runs out of bounds where all results are arguments and a later argument
// is not used.
func ownNodes(results []*graph.Node) []*graph.Node {
	for i, n := range results {
		if n.Type() == graph.NodeTypeParameter {
			results[i] = graph.Identity(n)
		}
	}
	return results
}

// call runs the program.
func (c *compiled) call(args []*tensors.Tensor) ([]*tensors.Tensor, error) {
	anys := make([]any, len(args))
	for i, a := range args {
		anys[i] = a
	}
	return c.exec.Call(anys...)
}
