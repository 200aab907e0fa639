package eval

import (
	"cmp"
	"slices"

	gs "github.com/aat-onnx/aat-onnx/graphsurgery"
)

// box is a rectangle by two opposite corners, the lower first.
type box struct{ y0, x0, y1, x1 float64 }

// suppression is what NonMaxSuppression is asked for.
type suppression struct {
	most    int     // of each class of each batch
	overlap float64 // of two boxes, that one of them does not survive
	least   float64 // score, not itself enough
	scored  bool    // least was given
}

// nonMaxSuppression is NonMaxSuppression (opset 10): of each class of each batch the
// boxes of the highest scores, without those that overlap one of a higher score, as
// rows of batch, class and box.
func (c *call) nonMaxSuppression() ([]*array, error) {
	boxes, scores := c.in[0], c.in[1]
	if boxes.rank() != 3 || boxes.shape[2] != 4 || scores.rank() != 3 ||
		boxes.shape[0] != scores.shape[0] || boxes.shape[1] != scores.shape[2] {
		return nil, c.broken("boxes of shape %v and scores of shape %v, want [batches, boxes, 4] and [batches, classes, boxes]", boxes.shape, scores.shape)
	}
	if boxes.dtype != gs.Float || scores.dtype != gs.Float {
		return nil, c.broken("boxes of type %s and scores of type %s, want float", boxes.dtype, scores.dtype)
	}
	s, err := c.suppression()
	if err != nil {
		return nil, err
	}
	n, classes := int(boxes.shape[1]), int(scores.shape[1])
	if pairs := int64(classes) * int64(n); n > 0 && pairs > c.limits.MaxWork/int64(n)/max(1, boxes.shape[0]) {
		return nil, c.unsupported("%d boxes in %d classes are over the limit of %d comparisons", n, classes, c.limits.MaxWork)
	}
	place, score := corners(boxes.floats(), c.node.Int("center_point_box", 0) != 0), scores.floats()
	var rows []int64
	for k := range int(boxes.shape[0]) * classes {
		batch := k / max(1, classes)
		for _, i := range s.survivors(place[batch*n:(batch+1)*n], score[k*n:(k+1)*n]) {
			rows = append(rows, int64(batch), int64(k%classes), int64(i))
		}
	}
	return one(newInts(gs.Int64, []int64{int64(len(rows) / 3), 3}, rows), nil)
}

func (c *call) suppression() (suppression, error) {
	var s suppression
	most, err := c.scalarInt(2, 0)
	if err != nil {
		return s, err
	}
	s.most = int(max(most, 0))
	for i, to := range []*float64{&s.overlap, &s.least} {
		a := c.input(3 + i)
		if a == nil {
			continue
		}
		if a.len() != 1 || !a.dtype.IsFloat() {
			return s, c.broken("input %d is %s of %d elements, want one float", 3+i, a.dtype, a.len())
		}
		*to, s.scored = a.floats()[0], i == 1
	}
	if !(s.overlap >= 0 && s.overlap <= 1) {
		return s, c.broken("iou_threshold is %g, want a number from 0 to 1", s.overlap)
	}
	return s, nil
}

// survivors lists boxes from the highest score down; of equal scores the first box
// goes first, as in ONNX Runtime.
func (s suppression) survivors(boxes []box, score []float64) []int {
	var order, kept []int
	for i, x := range score {
		if !s.scored || x > s.least {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	for _, i := range order {
		if len(kept) >= s.most {
			break
		}
		if !slices.ContainsFunc(kept, func(k int) bool { return boxes[i].overlap(boxes[k]) > s.overlap }) {
			kept = append(kept, i)
		}
	}
	return kept
}

// corners reads boxes, given by any two opposite corners (y first), or by their
// centre, width and height (x first).
func corners(flat []float64, centred bool) []box {
	boxes := make([]box, len(flat)/4)
	for i := range boxes {
		v := flat[4*i : 4*i+4]
		if centred {
			boxes[i] = box{v[1] - v[3]/2, v[0] - v[2]/2, v[1] + v[3]/2, v[0] + v[2]/2}
			continue
		}
		boxes[i] = box{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}
	}
	return boxes
}

// overlap is the area that both boxes cover, as a part of what either covers; 0 if
// one of them has no area.
func (a box) overlap(b box) float64 {
	area := func(b box) float64 { return (b.y1 - b.y0) * (b.x1 - b.x0) }
	if area(a) <= 0 || area(b) <= 0 {
		return 0
	}
	height := min(a.y1, b.y1) - max(a.y0, b.y0)
	width := min(a.x1, b.x1) - max(a.x0, b.x0)
	if height <= 0 || width <= 0 {
		return 0
	}
	return height * width / (area(a) + area(b) - height*width)
}
