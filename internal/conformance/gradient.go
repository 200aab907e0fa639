package conformance

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// RunWithGradients judges one folder as Run does and, if it passes, its gradients:
// those of a weighted sum of the float outputs by each float input, at up to
// sampled elements each, against finite differences. The model is turned into
// float64 where that can be run, else taken as it is with a tolerance to match.
// Where a function has a kink, any number between the slopes on both sides is
// right. A folder without a float input and a float output has no gradient, and
// neither has one by an input that decides a shape.
func RunWithGradients(dir string, b compute.Backend) Result {
	r := Run(dir, b)
	if r.Outcome != Passed {
		return r
	}
	guarded(&r, func() error {
		f, err := read(dir)
		if err == nil {
			r.Gradients, err = f.gradients(b)
		}
		return err
	})
	return r
}

// sampled bounds the elements of an input whose derivative is checked.
const sampled = 16

// precision is how a gradient is measured: in what float type, and by which input,
// -1 for all.
type precision struct {
	widen           bool
	step, tolerance float64
	only            int
	epsilon         float64 // of the float type
}

// The steps and tolerances, both relative to 1+|x| and 1+|derivative|. A central
// difference errs by h²·f‴/6 and, by rounding, by ε·|f|/h: in float64 about 1e-10
// each for h = 1e-5; in float32 about 2e-5 and 1e-5·|f| for h = 1e-2, where f, a
// sum over all outputs, may be of the order of 100.
var (
	inDouble = precision{widen: true, step: 1e-5, tolerance: 1e-5, epsilon: 0x1p-53}
	inSingle = precision{widen: false, step: 1e-2, tolerance: 2e-2, epsilon: 0x1p-24}
)

// gradients checks the gradients of a test and counts the derivatives. What cannot
// be had in float64 is tried as it is. Where an input decides a shape, as the
// scales of a Resize do, each of the others alone is differentiated.
func (f *folder) gradients(b compute.Backend) (checked int, err error) {
	if f.kind() != KindFloat || f.straightThrough() {
		return 0, nil
	}
	for _, v := range f.model.Graph.Outputs() {
		if v.Kind() != graphsurgery.KindTensor {
			return 0, nil
		}
	}
	var wrong *wrongError
	for _, p := range []precision{inDouble, inSingle} {
		p.only = -1
		checked, err = f.gradientsIn(p, b)
		if decidesShape(err) {
			checked, err = f.gradientsByOne(p, b)
		}
		if err == nil || errors.As(err, &wrong) {
			break
		}
	}
	return checked, err
}

// straightThrough tells a model whose scales are, by choice, constants for the
// gradient: with the integers beside them they carry the straight-through estimate,
// which no finite difference of the scale alone shows.
func (f *folder) straightThrough() bool {
	return slices.ContainsFunc(f.model.Graph.Nodes(), func(n *graphsurgery.Node) bool { return n.Op() == "DynamicQuantizeLinear" })
}

// gradientsByOne differentiates by one input at a time, and passes over those that
// decide a shape.
func (f *folder) gradientsByOne(p precision, b compute.Backend) (checked int, err error) {
	for i := range f.model.Graph.Inputs() {
		p.only = i
		n, err := f.gradientsIn(p, b)
		if checked += n; err != nil && !decidesShape(err) {
			return checked, err
		}
	}
	return checked, nil
}

// decidesShape tells whether a model was refused because a shape depends on data.
func decidesShape(err error) bool {
	var refused *graphsurgery.UnsupportedError
	return errors.As(err, &refused) && strings.Contains(refused.What, "decides a shape")
}

// gradientsIn checks them in one way.
func (f *folder) gradientsIn(p precision, b compute.Backend) (checked int, err error) {
	for _, set := range f.sets {
		var n int
		err = importer.Guard("differentiate", func() error {
			d, err := newDifferential(f.model, set, p, b)
			if err != nil || d == nil {
				return err
			}
			defer d.close()
			n, err = d.check()
			return err
		})
		if checked += n; err != nil {
			return checked, err
		}
	}
	return checked, nil
}

// differential is a scalar function of a test's float inputs.
type differential struct {
	precision
	set    string
	names  []string
	args   []*tensors.Tensor
	loss   *model.Exec
	slopes *model.Exec
	store  *model.Store
}

// newDifferential builds the function; nil if there is nothing to differentiate.
func newDifferential(m *graphsurgery.Model, set dataSet, p precision, b compute.Backend) (*differential, error) {
	d := &differential{precision: p, set: set.name, store: model.NewStore()}
	fixed := make(map[string]*graphsurgery.Tensor)
	for i, v := range m.Graph.Inputs() {
		t := set.inputs[i].Tensor
		if t == nil {
			return nil, nil // sequences are not differentiated
		}
		if !d.differentiable(t) || p.only >= 0 && p.only != i {
			fixed[v.Name()] = t
			continue
		}
		arg, err := d.argument(t)
		if err != nil {
			return nil, err
		}
		d.names, d.args = append(d.names, v.Name()), append(d.args, arg)
	}
	if len(d.names) == 0 {
		return nil, nil
	}
	m, err := prepared(m, fixed, p.widen)
	if err != nil {
		return nil, err
	}
	return d, d.build(m, b)
}

// differentiable tells whether an input is one to differentiate by.
func (d *differential) differentiable(t *graphsurgery.Tensor) bool {
	long := t.DType() == graphsurgery.Float || t.DType() == graphsurgery.Double
	return t.Len() > 0 && (long || d.widen && t.DType().IsFloat())
}

// prepared is a copy of a model with the fixed inputs as initialisers, and its
// floats widened if asked for.
func prepared(m *graphsurgery.Model, fixed map[string]*graphsurgery.Tensor, widen bool) (*graphsurgery.Model, error) {
	m = m.Clone()
	p := m.NewPatch("fix inputs")
	p.TrustTypes()
	for _, v := range m.Graph.Inputs() {
		if t := fixed[v.Name()]; t != nil {
			p.Shunt(v, p.FreshInitializer(v.Name(), t))
			p.RemoveInput(v)
		}
	}
	if err := p.Apply(); err != nil {
		return nil, err
	}
	if !widen {
		return m, nil
	}
	return m.Widen()
}

// argument makes an input.
func (d *differential) argument(t *graphsurgery.Tensor) (*tensors.Tensor, error) {
	if !d.widen {
		return importer.NewTensor(t)
	}
	values, err := t.Float64s()
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(t.Shape()))
	for i, n := range t.Shape() {
		dims[i] = int(n)
	}
	return tensors.FromFlatDataAndDimensions(values, dims...), nil
}

// build compiles the function and its gradient.
func (d *differential) build(m *graphsurgery.Model, b compute.Backend) error {
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		return err
	}
	if err := p.Install(d.store); err != nil {
		return err
	}
	of := func(scope *model.Scope, nodes []*graph.Node) *graph.Node {
		feeds := make(map[string]*graph.Node)
		for i, n := range nodes {
			feeds[d.names[i]] = n
		}
		outputs := p.Call(scope, feeds)
		for _, out := range outputs {
			if d.widen && out.DType().IsFloat() && out.DType() != dtypes.Float64 {
				panic(fmt.Errorf("an output stays %s", out.DType())) // too coarse for the step
			}
		}
		return weightedSum(nodes[0].Graph(), outputs)
	}
	if d.loss, err = model.NewExec(b, d.store, of); err != nil {
		return err
	}
	d.slopes, err = model.NewExec(b, d.store, func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		return graph.Gradient(of(scope, nodes), nodes...)
	})
	return err
}

// weightedSum adds up all float outputs, in float64, with weights that differ from
// each other, so that no sum of derivatives cancels.
func weightedSum(g *graph.Graph, outputs []*graph.Node) *graph.Node {
	sum := graph.Const(g, 0.0)
	for i, out := range outputs {
		if !out.DType().IsFloat() || out.Shape().Size() == 0 {
			continue
		}
		row := graph.ConvertDType(graph.Reshape(out, out.Shape().Size()), dtypes.Float64)
		weights := graph.Cos(graph.MulScalar(graph.AddScalar(graph.IotaLike(row, 0), float64(i)), 1.7))
		sum = graph.Add(sum, graph.ReduceAllSum(graph.Mul(row, weights)))
	}
	return sum
}

// check compares sampled derivatives and counts them.
func (d *differential) check() (int, error) {
	slopes, err := run(d.slopes, d.args)
	if err != nil {
		return 0, err
	}
	middle, err := d.at(d.args)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(middle) || math.IsInf(middle, 0) {
		return 0, nil // some output is not finite, so no sum of them has a slope
	}
	checked := 0
	for i, arg := range d.args {
		got, err := numbers(slopes[i])
		if err != nil {
			return checked, err
		}
		x, err := numbers(arg)
		if err != nil {
			return checked, err
		}
		for _, j := range sample(d.names[i], len(x)) {
			what, err := d.compare(i, j, x, got[j], middle)
			if err != nil {
				return checked, err
			}
			if what != "" {
				return checked, &wrongError{d.set, "", fmt.Sprintf("gradient by %q[%d]: %s", d.names[i], j, what)}
			}
			checked++
		}
	}
	return checked, nil
}

// compare compares the derivative by element j of argument i with the slopes on
// both sides of it. A slope that grows as the step shrinks is that of a jump,
// where there is no derivative, as of Sign at 0.
func (d *differential) compare(i, j int, x []float64, got, middle float64) (string, error) {
	h := d.step * (1 + math.Abs(x[j]))
	left, right, err := d.slopesAt(i, j, x, middle, h)
	if err != nil {
		return "", err
	}
	low, high := min(left, right), max(left, right)
	if math.IsNaN(low) || math.IsInf(low, 0) || math.IsInf(high, 0) {
		return "", nil // the edge of what the function is defined on
	}
	central := (left + right) / 2
	// Rounding: the function may be so large that the difference drowns in it.
	room := d.tolerance*(1+math.Abs(central)) + 8*d.epsilon*math.Abs(middle)/h
	if got >= low-room && got <= high+room {
		return "", nil
	}
	nearLeft, nearRight, err := d.slopesAt(i, j, x, middle, h/8)
	if err != nil || jumps(math.Abs(nearLeft)+math.Abs(nearRight), math.Abs(left)+math.Abs(right), room) {
		return "", err
	}
	return fmt.Sprintf("got %g, finite differences give %g (%g and %g)", got, central, left, right), nil
}

// jumps tells the slopes at a jump, which grow as the step shrinks, from rounding
// errors, which do so too: those stay within eight times their room.
func jumps(near, far, room float64) bool { return near > 4*far && near > 16*room }

// slopesAt gives the slopes to both sides of element j of argument i.
func (d *differential) slopesAt(i, j int, x []float64, middle, h float64) (left, right float64, err error) {
	side := [2]float64{-h, h}
	for s, delta := range side {
		moved := slices.Clone(x)
		moved[j] += delta
		args := slices.Clone(d.args)
		args[i] = likeTensor(args[i], moved)
		value, err := d.at(args)
		if err != nil {
			return 0, 0, err
		}
		side[s] = (value - middle) / delta
	}
	return side[0], side[1], nil
}

// at gives the function's value.
func (d *differential) at(args []*tensors.Tensor) (float64, error) {
	out, err := run(d.loss, args)
	if err != nil {
		return 0, err
	}
	values, err := numbers(out[0])
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

// run runs a program.
func run(exec *model.Exec, args []*tensors.Tensor) ([]*tensors.Tensor, error) {
	anys := make([]any, len(args))
	for i, a := range args {
		anys[i] = a
	}
	return exec.Call(anys...)
}

// likeTensor makes a tensor of the type and shape of another one.
func likeTensor(old *tensors.Tensor, x []float64) *tensors.Tensor {
	if old.DType() == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(x, old.Shape().Dimensions...)
	}
	short := make([]float32, len(x))
	for i, v := range x {
		short[i] = float32(v)
	}
	return tensors.FromFlatDataAndDimensions(short, old.Shape().Dimensions...)
}

// close frees the programs.
func (d *differential) close() {
	d.loss.Finalize()
	d.slopes.Finalize()
	d.store.Finalize()
}

// numbers gives a float tensor's elements.
func numbers(t *tensors.Tensor) ([]float64, error) {
	x, err := importer.ONNXTensor(t)
	if err != nil {
		return nil, err
	}
	return x.Float64s()
}

// sample picks up to sampled of n elements, fewer of large inputs, whose models
// take long; always the same ones for a name.
func sample(name string, n int) []int {
	h := fnv.New64a()
	h.Write([]byte(name))
	order := rand.New(rand.NewPCG(h.Sum64(), 2)).Perm(n)
	return order[:min(n, sampled, max(2, 1<<17/n))]
}
