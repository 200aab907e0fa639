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

// feeding are the tensors that a program is compiled for. In some models an input
// decides a shape, such as Reshape's second operand; its elements are then built
// into the program, which serves these elements only.
type feeding struct {
	args []*tensors.Tensor
	// ports name the arguments.
	ports []*graphsurgery.Value
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
	i := slices.Index(f.ports, v)
	if i < 0 || f.args[i].Size() > maxDemanded {
		return nil
	}
	return &origin{read: func() (*hostTensor, error) {
		t, err := ONNXTensor(f.args[i])
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

// compiled is one program and what it was compiled for.
type compiled struct {
	key     string
	feeding *feeding
	exec    *model.Exec
}

// programKey tells programs apart by the shapes of their arguments and by their
// outputs.
func programKey(args []*tensors.Tensor, names []string) string {
	var key strings.Builder
	for _, a := range args {
		fmt.Fprint(&key, a.Shape(), ";")
	}
	fmt.Fprintf(&key, "%q", names)
	return key.String()
}

// call runs the program for these arguments, made now if there is none.
func (r *Runner) call(args []*tensors.Tensor, ports []*graphsurgery.Value, names []string) ([]*tensors.Tensor, error) {
	key := programKey(args, names)
	special := false
	for i, c := range r.compiled {
		if c.key != key {
			continue
		}
		if c.feeding.serves(args) {
			r.compiled = append(slices.Delete(r.compiled, i, i+1), c)
			return c.call(args)
		}
		special = true // other elements were built in
	}
	out, f, err := r.compile(key, args, ports, names, special)
	if err != nil && f.refused && !special {
		out, _, err = r.compile(key, args, ports, names, true)
	}
	return out, err
}

// compile makes a program, runs it and keeps it if that worked.
func (r *Runner) compile(key string, args []*tensors.Tensor, ports []*graphsurgery.Value, names []string, given bool) ([]*tensors.Tensor, *feeding, error) {
	f := &feeding{args: args, ports: ports, given: given, read: make(map[int][]byte)}
	exec, err := model.NewExec(r.backend, r.store, func(scope *model.Scope, g *graph.Graph, nodes []*graph.Node) []*graph.Node {
		feeds := make(map[string]*graph.Node, len(nodes))
		for i, n := range nodes {
			feeds[ports[i].Name()] = n
		}
		return r.program.callIn(scope, g, feeds, f, names...)
	})
	if err != nil {
		return nil, f, err
	}
	c := &compiled{key: key, feeding: f, exec: exec}
	out, err := c.call(args)
	f.args = nil // the caller's
	if err != nil {
		exec.Finalize()
		return nil, f, err
	}
	if len(r.compiled) >= r.program.options.MaxPrograms {
		r.compiled[0].exec.Finalize()
		r.compiled = slices.Delete(r.compiled, 0, 1)
	}
	r.compiled = append(r.compiled, c)
	return out, f, nil
}

// call runs the program.
func (c *compiled) call(args []*tensors.Tensor) ([]*tensors.Tensor, error) {
	anys := make([]any, len(args))
	for i, a := range args {
		anys[i] = a
	}
	return c.exec.Call(anys...)
}
