package graphsurgery

import (
	"slices"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
	"github.com/aat-onnx/aat-onnx/internal/opschema"
)

// The standard's checker has the same limits.
const (
	maxFunctions = 10_000
	maxCallDepth = 100
)

// functionSchema tests what a function says of itself.
func (c *checker) functionSchema(f *pb.FunctionProto, s *spot) {
	if f.GetName() == "" {
		c.report(s, ruleFunctionName, "", "a function has no name")
	}
	if f.Domain == nil && c.model.pb.GetIrVersion() >= 8 {
		c.report(s, ruleFunctionName, "", "function %q has no domain", f.GetName())
	}
	for kind, names := range [...][]string{f.Output, f.Attribute} {
		if twice := repeated(names); twice != "" {
			c.report(s, ruleFunctionPorts, twice, "the function has two %s named %q", [...]string{"outputs", "attributes"}[kind], twice)
		}
	}
	c.opsets(f.OpsetImport, s)
	model := c.functionImports()
	at := *s
	for _, n := range f.Node {
		at.node = n
		c.sameMeaning(n, &at, model)
	}
}

// repeated gives a name that stands twice in the list.
func repeated(names []string) string {
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return name
		}
		seen[name] = true
	}
	return ""
}

// functionImports are the operator sets of the model, and for domains it does not
// import, those of the first function that does.
func (c *checker) functionImports() map[string]int64 {
	if c.merged != nil {
		return c.merged
	}
	c.merged = imports(c.model.pb.OpsetImport, 3)
	for _, f := range c.model.pb.Functions {
		for _, o := range f.OpsetImport {
			if _, ok := c.merged[o.GetDomain()]; !ok {
				c.merged[o.GetDomain()] = o.GetVersion()
			}
		}
	}
	return c.merged
}

// sameMeaning tests that an operator of a function's body is the same version of
// the operator as in the model, where both import its domain.
func (c *checker) sameMeaning(n *pb.NodeProto, s *spot, model map[string]int64) {
	inFunction, ok := s.version(n.GetDomain())
	inModel, known := (&spot{imports: model}).version(n.GetDomain())
	if !ok || !known || inFunction == inModel {
		return
	}
	here, found := standardSchema(n, inFunction)
	there, foundThere := standardSchema(n, inModel)
	if found != foundThere || found && here.Since != there.Since {
		c.report(s, ruleFunctionOpset, "", "operator %s of set %d differs from that of set %d, which the model imports", n.GetOpType(), inFunction, inModel)
	}
}

func standardSchema(n *pb.NodeProto, opset int64) (*opschema.Schema, bool) {
	s, ok := opschema.Find(n.GetDomain(), n.GetOpType(), opset)
	return s, ok && !s.Runtime
}

// calls tests how functions call each other: no cycle, bounded depth.
func (c *checker) calls() {
	functions := c.model.pb.Functions
	if len(functions) > maxFunctions {
		c.report(&spot{}, ruleFunctionCount, "", "%d functions, more than %d", len(functions), maxFunctions)
		return
	}
	seen := map[functionKey]bool{}
	for _, f := range functions {
		k := keyOf(f)
		if seen[k] {
			c.report(&spot{}, ruleFunctionTwice, f.GetName(), "two functions are %q", functionName(f))
		}
		seen[k] = true
	}
	if !c.followCalls(ruleFunctionCycle, eachOwnNode) {
		c.followCalls(ruleFunctionCycleInside, eachNode)
	}
}

// eachOwnNode is eachNode without the graphs that nodes hold.
func eachOwnNode(nodes []*pb.NodeProto, visit func(*pb.NodeProto)) {
	for _, n := range nodes {
		visit(n)
	}
}

// followCalls follows the calls that each finds in a function, and reports whether it
// met a cycle.
func (c *checker) followCalls(cycle ruleID, each func([]*pb.NodeProto, func(*pb.NodeProto))) bool {
	w := &callWalk{checker: c, cycle: cycle, callees: map[*pb.FunctionProto][]*pb.FunctionProto{}, state: map[*pb.FunctionProto]int{}}
	for _, f := range c.model.pb.Functions {
		w.callees[f] = c.callees(f, each)
	}
	for _, f := range c.model.pb.Functions {
		w.from(f)
	}
	return w.cyclic
}

func keyOf(f *pb.FunctionProto) functionKey {
	return functionKey{canonical(f.GetDomain()), f.GetName(), f.GetOverload()}
}

// callees are the model's functions that f's nodes call.
func (c *checker) callees(f *pb.FunctionProto, each func([]*pb.NodeProto, func(*pb.NodeProto))) []*pb.FunctionProto {
	var found []*pb.FunctionProto
	seen := map[*pb.FunctionProto]bool{}
	each(f.Node, func(n *pb.NodeProto) {
		if g := c.functions[calleeOf(n)]; g != nil && !seen[g] {
			seen[g] = true
			found = append(found, g)
		}
	})
	return found
}

// eachNode visits nodes and those of the graphs they hold, without recursion.
func eachNode(nodes []*pb.NodeProto, visit func(*pb.NodeProto)) {
	lists := [][]*pb.NodeProto{nodes}
	for len(lists) > 0 {
		list := lists[len(lists)-1]
		lists = lists[:len(lists)-1]
		for _, n := range list {
			visit(n)
			for _, a := range n.Attribute {
				if a.G != nil {
					lists = append(lists, a.G.Node)
				}
				for _, g := range a.Graphs {
					lists = append(lists, g.Node)
				}
			}
		}
	}
}

// callWalk goes depth-first through the calls, on a stack of its own: the depth
// is the file's choice.
type callWalk struct {
	*checker
	cycle   ruleID // which rule a cycle breaks
	cyclic  bool
	callees map[*pb.FunctionProto][]*pb.FunctionProto
	state   map[*pb.FunctionProto]int // 0 unseen, 1 on the path, 2 done
	height  map[*pb.FunctionProto]int
}

func (w *callWalk) from(root *pb.FunctionProto) {
	if w.state[root] != 0 {
		return
	}
	path := []*pb.FunctionProto{root}
	next := []int{0}
	w.state[root] = 1
	for len(path) > 0 {
		top := len(path) - 1
		f := path[top]
		if next[top] == len(w.callees[f]) {
			w.leave(f)
			path, next = path[:top], next[:top]
			continue
		}
		callee := w.callees[f][next[top]]
		next[top]++
		switch w.state[callee] {
		case 0:
			w.state[callee] = 1
			path, next = append(path, callee), append(next, 0)
		case 1:
			w.cyclic = true
			if w.full() {
				return
			}
			cycle := path[slices.Index(path, callee):]
			w.report(&spot{function: f}, w.cycle, functionName(callee), "function %q calls itself, through %d functions", functionName(callee), len(cycle))
		}
	}
}

// leave notes how deep the calls below f are nested, now that all are known.
func (w *callWalk) leave(f *pb.FunctionProto) {
	if w.height == nil {
		w.height = map[*pb.FunctionProto]int{}
	}
	height := 0
	for _, callee := range w.callees[f] {
		height = max(height, w.height[callee])
	}
	w.state[f], w.height[f] = 2, height+1
	if height+1 == maxCallDepth+1 && w.cycle == ruleFunctionCycleInside { // the walk that sees all calls
		w.report(&spot{function: f}, ruleFunctionDepth, "", "calls from function %q are nested more than %d deep", functionName(f), maxCallDepth)
	}
}
