package eval

// broadcast gives the common shape of arrays under ONNX's multidirectional
// broadcasting, and for each array the index of the element read at every place.
func (c *call) broadcast(arrays ...*array) ([]int64, [][]int, error) {
	rank := 0
	for _, a := range arrays {
		rank = max(rank, a.rank())
	}
	shape := make([]int64, rank)
	for i := range shape {
		shape[i] = 1
	}
	for _, a := range arrays {
		off := rank - a.rank()
		for k, d := range a.shape {
			have := shape[off+k]
			if have != d && have != 1 && d != 1 {
				return nil, nil, c.broken("shapes do not broadcast: %v against %v", a.shape, arrays[0].shape)
			}
			if have == 1 {
				shape[off+k] = d
			}
		}
	}
	n, err := c.size(shape)
	if err != nil {
		return nil, nil, err
	}
	index := make([][]int, len(arrays))
	for i, a := range arrays {
		index[i] = broadcastIndex(a.shape, shape, n)
	}
	return shape, index, nil
}

// broadcastIndex lists which element of a tensor of shape from stands at every
// place of shape to.
func broadcastIndex(from, to []int64, n int) []int {
	step := make([]int, len(to))
	off := len(to) - len(from)
	for k, s := range strides(from) {
		if from[k] != 1 {
			step[off+k] = s
		}
	}
	index := make([]int, n)
	walk(to, func(i int, at []int) {
		p := 0
		for k, x := range at {
			p += x * step[k]
		}
		index[i] = p
	})
	return index
}
