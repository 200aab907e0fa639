// Package importer turns an ONNX model into a GoMLX computation graph whose
// every float operator has a right gradient.
//
// The first call is [Load]. It resolves each node of the model in a table of
// operators keyed by (domain, operator, since-version) and refuses, before any
// graph is built, whatever the table does not know: an operator, a domain, an
// opset, an attribute, a type. The error is a graphsurgery.UnsupportedError
// that names the node.
//
// From the [Program] there are two ways on. [Program.NewRunner] gives inference
// with its own weights and one compiled program per input shape.
// [Program.Install] and [Program.Call] give the pieces for training: one GoMLX
// variable per initialiser, trainable only where Options.Trainable says so, and
// a function that builds the forward graph inside a GoMLX executor.
//
// # How values travel
//
// Whatever depends on shapes and constants alone (Shape, Gather, Concat, Range
// and their kin on small tensors, the √d of an attention) is computed in plain
// Go while the graph is built, so that XLA sees static shapes only. A model
// with a dynamic batch is therefore compiled once per batch size.
//
// Activations of rank three and more that go through LayerNormalization and
// MatMul are kept as [rows, width] until an operator needs another shape. On XLA
// CPU this makes the training step of a Transformer about a third faster: XLA
// otherwise recomputes sums of residual gradients inside each consumer.
//
// # Precision
//
// A model is computed in its own types, unless Options.Compute says in which type
// products take their operands: everything else, sums included, is float32 then. Half
// precision in a file so becomes float32 where only products may be shorter.
//
// # Graphs inside graphs
//
// XLA runs one straight program. The model's own functions are lowered where they
// are called; of an If whose condition is known while the graph is built, the
// branch that is taken; of one that depends on data, both, and the result is
// selected; Loop and Scan are unrolled, up to a limit. A Loop whose condition
// depends on data needs a trip count, and its iterations after the end change
// nothing. Sequences and optionals exist while the graph is built only.
//
// Attentions and GELUs spelt in several nodes are lowered as one operator each,
// unless a value inside is asked for: results agree within rounding, and the
// backward pass keeps less.
//
// # What is refused
//
// By name, with a graphsurgery.UnsupportedError: operators, attributes and opsets
// outside the table; at Load also element types that no backend computes with
// (strings and complex numbers; floats of 8 bits and fewer, and integers of fewer than
// 8, for all but the operators that convert them), in branches that are never taken
// not even that. A node that lacks an attribute or input which the standard's schema
// demands, or has one of another type, is a FormatError. While a graph is built: shapes that
// depend on data (a [Runner] builds the elements of such an input into the program
// instead, if it can follow them), loops without a bound or with too many
// iterations, branches of different types under a condition that depends on data,
// and half precision on the pure Go backend, unless Options.Compute makes float32 of it.
package importer
