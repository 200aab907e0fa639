package eval

import (
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// unique is Unique (opset 11): the different slices of an axis, or elements, with
// the first place of each, the number of each slice's value, and how often each
// occurs. They are in rising order, or else in that of their first places.
func (c *call) unique() ([]*array, error) {
	x, axis := c.in[0], 0
	if x.dtype == gs.String {
		return nil, c.unsupported("elements of type string")
	}
	if c.node.HasAttr("axis") {
		var err error
		if axis, err = c.axis(c.node.Int("axis", 0), x.rank()); err != nil {
			return nil, err
		}
	} else {
		x = x.reshaped([]int64{int64(x.len())})
	}
	places := slicePlaces(x.shape, axis)
	order, class := c.distinct(x, places)
	if c.node.Int("sorted", 1) == 0 {
		renumber(order, class)
	}
	first, counts := make([]int64, len(order)), make([]int64, len(order))
	for i := len(class) - 1; i >= 0; i-- {
		first[class[i]] = int64(i)
		counts[class[i]]++
	}
	shape := slices.Clone(x.shape)
	shape[axis] = int64(len(order))
	from := make([]int, volume(shape))
	for k, to := range slicePlaces(shape, axis) {
		for j, place := range to {
			from[place] = places[order[k]][j]
		}
	}
	n := []int64{int64(len(order))}
	return []*array{x.pick(shape, from, nil), newInts(gs.Int64, n, first),
		newInts(gs.Int64, []int64{int64(len(class))}, class), newInts(gs.Int64, n, counts)}, nil
}

// slicePlaces lists the elements of each slice of an axis.
func slicePlaces(shape []int64, axis int) [][]int {
	places := make([][]int, shape[axis])
	walk(shape, func(i int, at []int) { places[at[axis]] = append(places[at[axis]], i) })
	return places
}

// distinct sorts slices and gives one of each value, the first, and the number of
// every slice's value in that order.
func (c *call) distinct(x *array, places [][]int) (order []int, class []int64) {
	less := c.before(x, false)
	compare := func(a, b int) int {
		for j, i := range places[a] {
			k := places[b][j]
			if less(i, k) {
				return -1
			}
			if less(k, i) {
				return 1
			}
		}
		return 0
	}
	sorted := make([]int, len(places))
	for i := range sorted {
		sorted[i] = i
	}
	slices.SortStableFunc(sorted, compare)
	class = make([]int64, len(places))
	for i, s := range sorted {
		if i == 0 || compare(sorted[i-1], s) != 0 {
			order = append(order, s)
		}
		class[s] = int64(len(order) - 1)
	}
	return order, class
}

// renumber puts the values into the order of their first places.
func renumber(order []int, class []int64) {
	slices.Sort(order)
	number := make(map[int64]int64, len(order))
	for i, at := range order {
		number[class[at]] = int64(i)
	}
	for i, v := range class {
		class[i] = number[v]
	}
}
