package onnxgo

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/graph"
	"gorgonia.org/tensor"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// Node is a value of the model: onnx-go has a graph node per tensor. It satisfies
// onnx.Namer and onnx.DataCarrier.
type Node struct {
	backend     *Backend
	id          int64
	name        string
	named       bool // SetName was called; the name may be empty
	early       bool // made before the first edge, so declared rather than met in a node
	loads       int  // tensors set before the first edge: a placeholder, an initialiser's value
	fed         bool // a tensor was set by the caller, after decoding
	value       tensor.Tensor
	placeholder tensor.Tensor // the first tensor, of an input or a computed value: says its declared type
	op          *operation    // what computes the value
}

// ID identifies the node among those of its Backend. It is far above the number of
// any input, see Backend.Node.
func (n *Node) ID() int64 { return n.id }

// SetName names the value.
func (n *Node) SetName(name string) { n.name, n.named = name, true }

// GetName gives the name of the value in the ONNX file; "" is that of inputs and
// outputs left out.
func (n *Node) GetName() string { return n.name }

// SetTensor sets the value: of an input, what the next Run reads; of an
// initialiser, the model's new weights.
func (n *Node) SetTensor(t tensor.Tensor) error {
	if t == nil {
		return fmt.Errorf("value %q: the tensor is nil", n.name)
	}
	if n.op != nil {
		return fmt.Errorf("value %q is computed by %s and cannot be set", n.name, n.op.name)
	}
	n.value = t
	if n.backend.decoding() {
		if n.loads == 0 {
			n.placeholder = t
		}
		n.loads++
		return nil
	}
	n.fed = true
	n.backend.set(n)
	return nil
}

// GetTensor gives the value: what was set, or what the last Run computed. A value
// inside the model is computed when it is asked for first, and by every Run from
// then on. It is nil before the first Run, and where that fails; see Backend.Err.
func (n *Node) GetTensor() tensor.Tensor {
	if n.op != nil && n.value == nil {
		n.backend.fetch(n)
	}
	return n.value
}

// label names the value in the rebuilt model.
func (n *Node) label() string {
	if n.named {
		return n.name
	}
	return fmt.Sprintf("value_%d", n.id-firstID)
}

// declared is the element type that the file says an input or a computed value has.
func (n *Node) declared() graphsurgery.DType {
	if n.placeholder == nil {
		return graphsurgery.Undefined
	}
	dtype, err := dtypeOf(n.placeholder.Dtype())
	if err != nil {
		return graphsurgery.Undefined
	}
	return dtype
}

// omitted tells whether the node stands for inputs and outputs left out.
func (n *Node) omitted() bool { return n.named && n.name == "" }

// edge says that from's operator reads to as its input of that number.
type edge struct {
	from, to graph.Node
	weight   float64
}

func (e edge) From() graph.Node { return e.from }
func (e edge) To() graph.Node   { return e.to }
func (e edge) Weight() float64  { return e.weight }
func (e edge) ReversedEdge() graph.Edge {
	return edge{from: e.to, to: e.from, weight: e.weight}
}

var errForeign = errors.New("the node was not made by this backend's NewNode")
