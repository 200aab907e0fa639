package graphsurgery

// followRemoved lets taps of a value whose node goes read what takes its place:
// neighbouring nodes can be bypassed, replaced or inlined in one patch.
func (e *edit) followRemoved() error {
	instead := map[*Value]Wire{}
	for _, r := range e.patch.rewires {
		if r.use == nil && r.within == nil && r.old.producer != nil && e.goes[r.old.producer] {
			instead[r.old] = r.new
		}
	}
	if len(instead) == 0 {
		return nil
	}
	var path []*Value // values on the way, which the next follower need not walk again
	follow := func(w *Wire) {
		path = path[:0]
		for range len(instead) { // a circle is found when the nodes are sorted
			next, ok := instead[w.tap]
			if w.tap == nil || !ok {
				break
			}
			path = append(path, w.tap)
			*w = next
		}
		for _, v := range path {
			if w.tap != v {
				instead[v] = *w
			}
		}
	}
	for i := range e.patch.rewires {
		follow(&e.patch.rewires[i].new)
	}
	for i := range e.patch.outputs {
		follow(&e.patch.outputs[i].new)
	}
	for i := range e.patch.ports {
		follow(&e.patch.ports[i].wire)
	}
	for i := range e.patch.nodeEdits {
		follow(&e.patch.nodeEdits[i].wire)
	}
	for _, n := range e.patch.nodes {
		for i := range n.inputs {
			follow(&n.inputs[i])
		}
		for i := range n.captures {
			follow(&n.captures[i].wire)
		}
	}
	return nil
}

// inheritNames lets new nodes take over the names of what they replace.
func (e *edit) inheritNames() error {
	for _, i := range e.patch.heirs {
		r := e.patch.rewires[i]
		old, n := r.old, r.new.node
		if n == nil || n.graph != old.graph || old.output || r.within != nil || n.named && r.new.index == 0 || e.heir[heirKey{n, r.new.index}] {
			continue
		}
		e.heir[heirKey{n, r.new.index}] = true
		set(e, &old.producer.pb.Output[old.index], e.patch.names.fresh(old.name+"_replaced", valueName))
		set(e, &n.pb.Output[r.new.index], old.name)
	}
	return nil
}
