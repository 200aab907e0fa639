package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// gradientScore compares gradients with PyTorch's, parameter by parameter.
type gradientScore struct {
	Parameters int     // PyTorch has a gradient of
	Compared   int     // found among the export's initialisers
	Furthest   float64 // largest relative distance
	Worst      string  // where
	Over       []string
}

// gradientLimit is the bar: relative Euclidean distance of a parameter's gradient.
const gradientLimit = 1e-3

// negligible is the part of the largest gradient's norm below which a gradient counts
// as zero. The bias of a key cancels in the softmax: its gradient is what rounding
// leaves, about 1e-8 of the largest, in PyTorch as here.
const negligible = 1e-4

// compareGradients finds each parameter among the initialisers by its values, as it
// is or transposed. A parameter that the exporter wrote down twice has its gradient
// in parts, which are added. Of parameters with the same values, as logit scales have
// that were not trained, exporters write down one: their gradients are compared by
// their sum, unless each has an initialiser of its name. A parameter that the
// exporter merged with others or folded is not found.
func (f *family) compareGradients(m *graphsurgery.Model, ours map[string][]float64) gradientScore {
	var s gradientScore
	places := placesOf(m, slices.Sorted(maps.Keys(ours)))
	floor := negligible * f.largestGradient()
	for _, names := range f.alike() {
		s.Parameters += len(names)
		value := f.torch["value/"+names[0]]
		found := places.find(value.Float64s(), f.shapeOf(names[0]))
		if len(found) == 0 {
			continue
		}
		s.Compared += len(names)
		parts, ok := byName(names, found)
		if !ok {
			s.note(strings.Join(names, " + "), f.summed(names), gathered(found, ours), floor)
			continue
		}
		for i, name := range names {
			s.note(name, f.summed([]string{name}), gathered(parts[i], ours), floor)
		}
	}
	return s
}

// note compares one gradient.
func (s *gradientScore) note(name string, want, got []float64, floor float64) {
	d := difference(got, want) / max(norm(want), floor)
	if !(d <= gradientLimit) {
		s.Over = append(s.Over, fmt.Sprintf("%s %.1e", name, d))
	}
	if !(d <= s.Furthest) {
		s.Furthest, s.Worst = d, name
	}
}

// alike lists the parameters that have a gradient, those with the same values together.
func (f *family) alike() [][]string {
	var groups [][]string
	for _, key := range slices.Sorted(maps.Keys(f.torch)) {
		name, ok := strings.CutPrefix(key, "grad/")
		if !ok {
			continue
		}
		value := f.torch["value/"+name]
		i := slices.IndexFunc(groups, func(g []string) bool {
			first := f.torch["value/"+g[0]]
			return slices.Equal(first.Shape, value.Shape) && slices.Equal(first.Float64s(), value.Float64s())
		})
		if i < 0 {
			groups = append(groups, []string{name})
		} else {
			groups[i] = append(groups[i], name)
		}
	}
	return groups
}

// byName shares the places out among parameters of the same values, if each place
// bears the name of one and each parameter has one.
func byName(names []string, found []place) ([][]place, bool) {
	if len(names) == 1 {
		return [][]place{found}, true
	}
	parts := make([][]place, len(names))
	for _, p := range found {
		i := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(p.name, name) })
		if i < 0 {
			return nil, false
		}
		parts[i] = append(parts[i], p)
	}
	return parts, !slices.ContainsFunc(parts, func(p []place) bool { return len(p) == 0 })
}

// summed adds PyTorch's gradients of the named parameters.
func (f *family) summed(names []string) []float64 {
	var sum []float64
	for _, name := range names {
		grad := f.torch["grad/"+name].Float64s()
		if sum == nil {
			sum = make([]float64, len(grad))
		}
		for i, v := range grad {
			sum[i] += v
		}
	}
	return sum
}

// gathered adds our gradients at the places.
func gathered(found []place, ours map[string][]float64) []float64 {
	sum := make([]float64, len(found[0].order))
	for _, p := range found {
		for i, j := range p.order {
			sum[i] += ours[p.name][j]
		}
	}
	return sum
}

func (f *family) largestGradient() float64 {
	largest := 0.0
	for key, a := range f.torch {
		if strings.HasPrefix(key, "grad/") {
			largest = max(largest, norm(a.Float64s()))
		}
	}
	return largest
}

// place is an initialiser that holds a parameter: element i of the parameter is
// element order[i] of the initialiser.
type place struct {
	name  string
	order []int
}

// initializer is a tensor of the export.
type initializer struct {
	name   string
	values []float32
}

// places holds the initialisers by their length.
type places map[int][]initializer

func placesOf(m *graphsurgery.Model, names []string) places {
	out := places{}
	for _, name := range names {
		values, err := m.Graph.Value(name).Initializer().Float32s()
		if err == nil {
			out[len(values)] = append(out[len(values)], initializer{name, values})
		}
	}
	return out
}

// find lists the initialisers with these values.
func (p places) find(value []float64, shape []int) []place {
	var out []place
	for _, init := range p[product(shape)] {
		for _, order := range orders(shape, len(value)) {
			if sameValues(init.values, value, order) {
				out = append(out, place{init.name, order})
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b place) int { return cmp.Compare(a.name, b.name) })
	return out
}

// shapeOf gives a parameter's shape. The committed corpus holds few elements of each
// parameter (testdata/gen/corpus/reference.py), and its shape apart.
func (f *family) shapeOf(name string) []int {
	shape, ok := f.torch["shape/"+name]
	if !ok {
		return f.torch["value/"+name].Shape
	}
	out := []int{}
	for _, d := range shape.Int64s() {
		out = append(out, int(d))
	}
	return out
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// orders gives the element orders to try: the parameter's own, and that of its
// transposition where it is a matrix but for axes of one element. Where the
// reference holds fewer elements, they are at equal distances.
func orders(shape []int, held int) [][]int {
	n := product(shape)
	var dims []int
	for _, d := range shape {
		if d > 1 {
			dims = append(dims, d)
		}
	}
	own := make([]int, held)
	for i := range own {
		own[i] = i
		if held < n {
			own[i] = i * (n - 1) / (held - 1)
		}
	}
	if len(dims) != 2 {
		return [][]int{own}
	}
	turned := make([]int, held)
	for i, at := range own {
		turned[i] = at%dims[1]*dims[0] + at/dims[1]
	}
	return [][]int{own, turned}
}

func sameValues(values []float32, want []float64, order []int) bool {
	for i, j := range order {
		if float64(values[j]) != want[i] {
			return false
		}
	}
	return true
}

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

func difference(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum)
}
