package infer

// recurrent lists RNN, GRU and LSTM.
func recurrent() map[string]Rule {
	return map[string]Rule{"RNN": rnn, "GRU": rnn, "LSTM": rnn}
}

// rnn: X is (length, batch, input), or (batch, length, input) in layout 1; the outputs
// are all states and the last ones.
func rnn(n *Node) error {
	kind := n.dtype(0)
	length, batch := Unknown(), Unknown()
	x, r := n.shape(0), n.shape(2)
	batchFirst := n.Int("layout", 0) != 0
	if x != nil {
		if len(x) != 3 {
			return fail("input of shape %s, want rank 3", ShapeString(x))
		}
		length, batch = x[0], x[1]
		if batchFirst {
			length, batch = batch, length
		}
	}
	ways := Const(1)
	if n.Str("direction", "forward") == "bidirectional" {
		ways = Const(2)
	}
	hidden := Unknown()
	if n.Has("hidden_size") {
		hidden = Const(n.Int("hidden_size", 0))
	} else if len(r) == 3 {
		hidden = r[2]
	}
	all, last := []Expr{length, ways, batch, hidden}, []Expr{ways, batch, hidden}
	if batchFirst {
		all, last = []Expr{batch, length, ways, hidden}, []Expr{batch, ways, hidden}
	}
	n.set(0, kind, all)
	n.set(1, kind, last)
	n.set(2, kind, last)
	return nil
}
