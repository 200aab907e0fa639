package graphsurgery

import (
	"fmt"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// checker collects problems. It walks the message itself, so that functions,
// which the index leaves out, are held to the same rules as graphs.
type checker struct {
	model     *Model
	level     Level
	edit      bool            // see Model.Verify
	known     map[string]bool // domains the caller knows
	domains   map[string]bool // domains of the model's functions
	functions map[functionKey]*pb.FunctionProto
	merged    map[string]int64 // see functionImports
	// attributeNames holds what attributesOf worked out.
	attributeNames map[*pb.FunctionProto]map[string]bool
	max            int
	problems       []Problem
}

func calleeOf(n *pb.NodeProto) functionKey {
	return functionKey{canonical(n.GetDomain()), n.GetOpType(), n.GetOverload()}
}

func newChecker(m *Model, o CheckOptions) *checker {
	c := &checker{
		model: m, level: o.Level, edit: o.edit, max: o.Max,
		known:          map[string]bool{},
		domains:        map[string]bool{},
		functions:      map[functionKey]*pb.FunctionProto{},
		attributeNames: map[*pb.FunctionProto]map[string]bool{},
	}
	if c.max <= 0 {
		c.max = 1000
	}
	for _, d := range o.Domains {
		c.known[canonical(d)] = true
	}
	return c
}

func (c *checker) full() bool { return len(c.problems) >= c.max }

// spot is where the walk stands: in a graph, a function or a node's body.
type spot struct {
	outer    *spot // the spot of the node whose body this is
	node     *pb.NodeProto
	attr     string // the attribute of outer.node that holds this graph
	function *pb.FunctionProto
	imports  map[string]int64 // operator sets, as the file spells them
	depth    int
}

// at is the spot of a node in s.
func (s *spot) at(n *pb.NodeProto) *spot {
	t := *s
	t.node = n
	return &t
}

// body is the spot of a graph held by an attribute of s.node.
func (s *spot) body(attr string) *spot {
	return &spot{outer: s, attr: attr, function: s.function, imports: s.imports, depth: s.depth + 1}
}

// String is the place in words, "" for the main graph.
func (s *spot) String() string {
	if s.outer == nil {
		if s.function == nil {
			return ""
		}
		return "function " + functionName(s.function)
	}
	inner := (&Node{pb: s.outer.node}).Label() + "." + s.attr
	if outer := s.outer.String(); outer != "" {
		return outer + "/" + inner
	}
	return inner
}

func functionName(f *pb.FunctionProto) string {
	return f.GetDomain() + "." + f.GetName()
}

// asked reports whether a rule is to be tested.
func (c *checker) asked(r ruleID) bool {
	if rules[r].Level <= c.level {
		return true
	}
	return c.edit && (r == ruleTensorSize || r == rulePortElement || r == ruleFunctionOutput)
}

// report notes a broken rule unless it is not to be tested.
func (c *checker) report(s *spot, r ruleID, value, format string, args ...any) {
	rule := rules[r]
	if !c.asked(r) || c.full() {
		return
	}
	p := Problem{Rule: rule.ID, Level: rule.Level, Value: value, What: fmt.Sprintf(format, args...), Graph: s.String()}
	if s.node != nil {
		p.Node, p.Op = (&Node{pb: s.node}).Label(), s.node.GetOpType()
	}
	c.problems = append(c.problems, p)
}
