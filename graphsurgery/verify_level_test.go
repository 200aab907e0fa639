package graphsurgery

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/aat-onnx/aat-onnx/internal/onnxpb"
)

// TestPlaces: a problem names graph, node, operator, value and rule.
func TestPlaces(t *testing.T) {
	nested := func() *pb.ModelProto { // an If in the then branch of an If in a function
		m := withIf()
		outer := m.Graph.Node[len(m.Graph.Node)-1]
		inner := proto.CloneOf(outer)
		inner.Name, inner.Output = proto.String("inner"), []string{"Abs_out"}
		inner.Attribute[0].G.Node[0].Input[0] = "nowhere"
		outer.Attribute[0].G.Node = []*pb.NodeProto{inner}
		return m
	}
	for _, c := range []struct {
		name  string
		model *pb.ModelProto
		want  Problem
	}{
		{"main graph", func() *pb.ModelProto {
			m := chain()
			m.Graph.Node[1].Input[0] = "nowhere"
			return m
		}(), Problem{"undefined", LevelStructure, "", "neg", "Neg", "nowhere", `reads "nowhere", which nothing computes`}},
		{"body in a body", nested(),
			Problem{"undefined", LevelStructure, "chosen.then_branch/inner.then_branch", "Abs_out", "Abs", "nowhere", `reads "nowhere", which nothing computes`}},
		{"function", func() *pb.ModelProto {
			m := chain()
			f := double()
			f.Node[0].Input[1] = "mid"
			m.Functions = append(m.Functions, f)
			return m
		}(), Problem{"undefined", LevelStructure, "function local.Double", "b", "Add", "mid", `reads "mid", which nothing computes`}},
	} {
		got := load(t, c.model).Check(CheckOptions{})
		if !slices.Equal(got, []Problem{c.want}) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	text := `function local.Double: node "b", operator Add: reads "mid" too early [order]`
	p := Problem{Rule: "order", Graph: "function local.Double", Node: "b", Op: "Add", Value: "mid", What: `reads "mid" too early`}
	if got := p.String(); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
}

// TestCheckListsAll: faults at several places and levels come in one list, up to
// the caller's limit.
func TestCheckListsAll(t *testing.T) {
	p := chain()
	p.Graph.Name = nil
	p.Graph.Node[0].OpType = proto.String("Frobnicate")
	p.Graph.Node[1].Input = append(p.Graph.Node[1].Input, "mid")
	p.MetadataProps = []*pb.StringStringEntryProto{{Key: proto.String("k")}, {Key: proto.String("k")}}
	p.Graph.Initializer = append(p.Graph.Initializer, initializer("idle", NewTensor([]int64{1}, []float32{1})))
	m := load(t, p)
	ids := func(problems []Problem) (out []string) {
		for _, p := range problems {
			out = append(out, p.Rule)
		}
		return out
	}
	want := []string{"graph-name", "operator", "inputs", "metadata-twice", "initializer-unused"}
	if got := ids(m.Check(CheckOptions{Level: LevelStrict})); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ids(m.Check(CheckOptions{Level: LevelSchema, Max: 2})); !slices.Equal(got, want[:2]) {
		t.Errorf("at most two: got %v, want %v", got, want[:2])
	}
	if got := m.Check(CheckOptions{}); len(got) != 0 {
		t.Errorf("structure: got %v, want nothing", got)
	}
}

// TestOwnRules: the caller's rules see the model, unless its structure is broken.
func TestOwnRules(t *testing.T) {
	rule := func(m *Model) []Problem {
		return []Problem{{Rule: "mine", Value: m.Graph.Outputs()[0].Name()}}
	}
	o := CheckOptions{Rules: []func(*Model) []Problem{rule}}
	if got := load(t, chain()).Check(o); len(got) != 1 || got[0].Rule != "mine" || got[0].Value != "y" {
		t.Errorf("got %v, want the problem of the caller's rule", got)
	}
	p := chain()
	p.Graph.Node[1].Input[0] = "nowhere"
	if got := load(t, p).Check(o); len(got) != 1 || got[0].Rule != "undefined" {
		t.Errorf("broken structure: got %v, want that alone", got)
	}
}

// TestDomains: domains the caller knows are not strange at the strict level.
func TestDomains(t *testing.T) {
	p := chain()
	p.Graph.Node[0].Domain, p.Graph.Node[0].OpType = proto.String("com.example"), proto.String("Frobnicate")
	p.OpsetImport = append(p.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("com.example"), Version: proto.Int64(1)})
	m := load(t, p)
	if got := m.Check(CheckOptions{Level: LevelStrict}); len(got) != 1 || got[0].Rule != "custom-operator" {
		t.Errorf("got %v, want one problem with the custom operator", got)
	}
	if got := m.Check(CheckOptions{Level: LevelStrict, Domains: []string{"com.example"}}); len(got) != 0 {
		t.Errorf("known domain: got %v, want nothing", got)
	}
}

func TestLevels(t *testing.T) {
	for level := LevelStructure; level <= LevelStrict; level++ {
		if got, err := ParseLevel(level.String()); got != level || err != nil {
			t.Errorf("ParseLevel(%q) = %v, %v", level, got, err)
		}
	}
	if _, err := ParseLevel("all"); err == nil {
		t.Error("ParseLevel takes a level that is none")
	}
}

// TestEveryRuleIsBroken: each rule has an ID of its own, a demand, and a model
// among the faulty ones that breaks it. Rules in the list below are of models that
// do not load, and have tests of their own.
func TestEveryRuleIsBroken(t *testing.T) {
	broken := map[string]bool{"nesting": true, "function-count": true, "function-cycle": true, "function-depth": true}
	dir := faultyFolder(t)
	for _, f := range faultyModels(t) {
		m, err := loadFaulty(t, dir, f)
		if err != nil {
			continue
		}
		for _, p := range m.Check(CheckOptions{Level: LevelStrict}) {
			broken[p.Rule] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.ID == "" || r.Text == "" {
			t.Errorf("rule %+v: no ID of its own, or no text", r)
		}
		seen[r.ID] = true
		if !broken[r.ID] && r.Level != LevelTypes {
			t.Errorf("no faulty model breaks rule %q", r.ID)
		}
	}
}

// unlimited makes a model that loading would refuse. It has no index, which
// structure and schema do not need.
func unlimited(p *pb.ModelProto) *Model { return &Model{pb: p} }

// caller is a function that calls the next ones.
func caller(name string, callees ...string) *pb.FunctionProto {
	f := &pb.FunctionProto{
		Name: &name, Domain: proto.String("local"), Input: []string{"a"},
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: proto.String("local"), Version: proto.Int64(1)}},
	}
	for i, callee := range callees {
		n := node(callee, []string{"a"}, fmt.Sprint("c", i))
		n.Domain = proto.String("local")
		f.Node = append(f.Node, n)
	}
	return f
}

// TestCalls: cycles and long chains of calls are found, however they are entered.
func TestCalls(t *testing.T) {
	line := func(length int) (fs []*pb.FunctionProto) {
		for i := range length {
			f := caller(fmt.Sprint("f", i), fmt.Sprint("f", i+1))
			fs = append([]*pb.FunctionProto{f}, fs...)
		}
		return append(fs, caller(fmt.Sprint("f", length)))
	}
	for _, c := range []struct {
		name, want string
		functions  []*pb.FunctionProto
	}{
		{"itself", "function-cycle", []*pb.FunctionProto{caller("f", "f")}},
		{"each other", "function-cycle", []*pb.FunctionProto{caller("f", "g"), caller("g", "f")}},
		{"cycle behind a line", "function-cycle", []*pb.FunctionProto{caller("a", "b"), caller("b", "c"), caller("c", "b")}},
		{"diamond", "", []*pb.FunctionProto{caller("a", "b", "c"), caller("b", "d"), caller("c", "d"), caller("d")}},
		{"100 deep", "", line(99)},
		{"101 deep", "function-depth", line(100)},
	} {
		p := chain()
		p.Functions = c.functions
		w := newChecker(unlimited(p), CheckOptions{Level: LevelRunnable}) // not Check, which infers types
		w.structure()
		w.calls()
		got := ""
		for _, p := range w.problems {
			got += p.Rule
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestFunctionCount: more functions than any model has are refused.
func TestFunctionCount(t *testing.T) {
	p := chain()
	for i := range maxFunctions + 1 {
		p.Functions = append(p.Functions, &pb.FunctionProto{Name: proto.String(fmt.Sprint("f", i)), Domain: proto.String("local")})
	}
	m := unlimited(p)
	if err := m.VerifyLevel(LevelSchema); err == nil || !strings.Contains(err.Error(), "more than 10000") {
		t.Errorf("got %v, want too many functions", err)
	}
}

// TestNesting: bodies in a function are bounded too.
func TestNesting(t *testing.T) {
	p := withIf()
	f := double()
	f.Node = append(f.Node, proto.CloneOf(p.Graph.Node[len(p.Graph.Node)-1]))
	for range maxNesting + 1 { // each round puts all of it into its own branch
		outer := f.Node[len(f.Node)-1]
		inner := proto.CloneOf(outer)
		outer.Attribute[0].G.Node = []*pb.NodeProto{inner}
	}
	p.Functions = append(p.Functions, f)
	m := unlimited(p)
	if err := m.Verify(); err == nil {
		t.Error("a function nested 34 deep passes")
	}
	rules := map[string]bool{}
	for _, p := range m.Check(CheckOptions{}) {
		rules[p.Rule] = true
	}
	if !rules["nesting"] {
		t.Errorf("got %v, want nesting among them", rules)
	}
}

// TestRulesAreDocumented: the table of docs/model-checks.md is the table of rules.
func TestRulesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/model-checks.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "| `") {
			got = append(got, line)
		}
	}
	var want []string
	for _, r := range Rules() {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", r.ID, r.Level, r.Text))
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/model-checks.md has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// BenchmarkCheck judges a model of about the size of AST's graph.
func BenchmarkCheck(b *testing.B) {
	p := chain()
	last := "y"
	for i := range 1000 {
		out := fmt.Sprint("v", i)
		p.Graph.Node = append(p.Graph.Node, node("Add", []string{last, "mid"}, out))
		last = out
	}
	m := load(b, p)
	for level := LevelStructure; level <= LevelStrict; level++ {
		b.Run(level.String(), func(b *testing.B) {
			for b.Loop() {
				if err := m.VerifyLevel(level); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
