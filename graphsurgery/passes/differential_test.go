package passes_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/graphsurgery/passes"
)

// choices decide how a graph is drawn: each takes a byte, 0 once they run out.
type choices []byte

func (c *choices) of(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b) % n
}

// drawn is a graph with open sizes that is being drawn.
type drawn struct {
	choices
	patch  *gs.Patch
	floats []gs.Wire
	shapes []gs.Wire
}

// draw makes a small graph on inputs whose dimensions have names; nil if it breaks
// a rule. Its constants are what identities hang on: 1, 0, -0, and shapes.
func draw(c *choices) *gs.Model {
	m, err := gs.ParseText(`<ir_version: 10, opset_import: ["" : 17]>
g (float[A,B] x, float[B] b, float[A,1] c, float[C,B] d, float[A,B] e) => (float[A,B] first) { first = Neg(x) }`)
	if err != nil {
		panic(err)
	}
	g := &drawn{choices: *c, patch: m.NewPatch("draw")}
	for _, v := range m.Graph.Inputs() {
		g.floats = append(g.floats, g.patch.Tap(v))
	}
	for i := range 3 + g.of(8) {
		g.node(i)
	}
	for i := range min(3, len(g.floats)-5) {
		g.patch.AddOutput(fmt.Sprintf("y%d", i), g.floats[len(g.floats)-1-i], gs.Type{DType: gs.Float})
	}
	*c = g.choices
	if g.patch.Apply() != nil {
		return nil
	}
	return m
}

func (g *drawn) float() gs.Wire { return g.floats[g.of(len(g.floats))] }

func (g *drawn) constant(i int) gs.Wire {
	x := []float32{1, 0, float32(math.Copysign(0, -1)), 2, float32(math.NaN())}[g.of(5)]
	shape := [][]int64{{}, {1}, {1, 1}, {1, 1, 1}}[g.of(4)]
	return g.patch.FreshInitializer(fmt.Sprint("c", i), gs.NewTensor(shape, []float32{x}))
}

func (g *drawn) shape(i int) gs.Wire {
	if n := len(g.shapes); n > 0 && g.of(2) == 0 {
		return g.shapes[g.of(n)]
	}
	if g.of(3) == 0 {
		values := [][]int64{{1, 1}, {-1}, {0, -1}, {1}, {0, 0}}[g.of(5)]
		return g.patch.FreshInitializer(fmt.Sprint("s", i), gs.NewTensor([]int64{int64(len(values))}, values))
	}
	s := g.patch.Add("Shape", g.float())
	g.shapes = append(g.shapes, s)
	return s
}

func (g *drawn) node(i int) {
	var w gs.Wire
	switch x := g.float(); g.of(12) {
	case 0:
		w = g.patch.Add([]string{"Identity", "Neg", "Relu", "Sign"}[g.of(4)], x)
	case 1, 2:
		w = g.patch.Add([]string{"Add", "Mul", "Sub", "Div", "Max"}[g.of(5)], x, g.float())
	case 3, 4:
		w = g.patch.Add([]string{"Sub", "Mul", "Div", "Add"}[g.of(4)], x, g.constant(i))
	case 5, 6:
		w = g.patch.Add("Expand", x, g.shape(i))
	case 7:
		w = g.patch.Add("Reshape", x, g.shape(i))
	case 8:
		w = g.patch.Add([]string{"Sum", "Max", "Mean"}[g.of(3)], x)
	case 9:
		w = g.patch.Add("Transpose", x)
	case 10:
		w = g.patch.Add("ConstantOfShape", g.shape(i))
	case 11:
		w = g.patch.Add("Concat", x, x, gs.Attrs{"axis": 0})
	}
	g.floats = append(g.floats, w)
}

// sizedFeeds feeds inputs of sizes 1 to 3, one for each name, with the numbers at
// which careless algebra shows.
func sizedFeeds(m *gs.Model, c *choices) map[string]*gs.Tensor {
	sizes, feeds := map[string]int64{}, map[string]*gs.Tensor{}
	special := []float32{1, -2, 0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), 0.5}
	for _, v := range m.Graph.Inputs() {
		shape, n := []int64{}, int64(1)
		for _, d := range v.Shape() {
			if d.Value < 0 {
				if sizes[d.Param] == 0 {
					sizes[d.Param] = int64(1 + c.of(3))
				}
				d.Value = sizes[d.Param]
			}
			shape, n = append(shape, d.Value), n*d.Value
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = special[c.of(len(special))]
		}
		feeds[v.Name()] = gs.NewTensor(shape, x)
	}
	return feeds
}

// differ draws a graph and compares what it computes before and after each pass,
// to the bit: none of the passes that can change it recomputes anything otherwise.
func differ(data []byte) (compared int, err error) {
	c := choices(data)
	m := draw(&c)
	if m == nil {
		return 0, nil
	}
	list := append(passes.All(), passes.ConvertOpset(passes.MaxOpset))
	for range 2 {
		feeds := sizedFeeds(m, &c)
		want, err := compute(m, feeds)
		if err != nil {
			continue // shapes that do not fit together at these sizes
		}
		for _, p := range list {
			after := m.Clone()
			var condition *passes.ConditionError
			report, err := passes.Run(after, p)
			if errors.As(err, &condition) || err == nil && report.Changed() == 0 {
				continue
			}
			if err != nil {
				return compared, fmt.Errorf("%s: %w", p.Name, err)
			}
			compared++
			got, err := compute(after, feeds)
			if err == nil {
				err = sameBits(got, want)
			}
			if err != nil {
				return compared, fmt.Errorf("%s: %w\nbefore:\n%s\nafter:\n%s", p.Name, err, m.Text(), after.Text())
			}
		}
	}
	return compared, nil
}

func sameBits(got, want []*gs.Tensor) error {
	for i := range want {
		if fmt.Sprint(got[i].Shape()) != fmt.Sprint(want[i].Shape()) {
			return fmt.Errorf("output %d has shape %v, want %v", i, got[i].Shape(), want[i].Shape())
		}
		g, errG := got[i].Float32s()
		w, errW := want[i].Float32s()
		if errG != nil || errW != nil {
			return errors.Join(errG, errW)
		}
		for k := range w {
			if math.Float32bits(g[k]) != math.Float32bits(w[k]) && !(g[k] != g[k] && w[k] != w[k]) {
				return fmt.Errorf("output %d, element %d: got %g, want %g", i, k, g[k], w[k])
			}
		}
	}
	return nil
}

// TestPassesOnDrawnGraphs computes drawn graphs before and after each pass, at
// sizes of their open dimensions that include 1.
func TestPassesOnDrawnGraphs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 400 {
		data := make([]byte, 120)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		n, err := differ(data)
		if err != nil {
			t.Fatal(err)
		}
		compared += n
	}
	t.Logf("%d comparisons", compared)
	if compared < 400 {
		t.Errorf("%d comparisons, want at least 400", compared)
	}
}

// FuzzPassesKeepResults is the same on what the fuzzer draws.
func FuzzPassesKeepResults(f *testing.F) {
	f.Add([]byte{5, 0, 1, 3, 0, 0, 2, 1, 4, 4, 2, 1, 0, 0, 9, 1, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := differ(data[:min(len(data), 400)]); err != nil {
			t.Error(err)
		}
	})
}
