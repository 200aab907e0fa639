// Package onnxgo runs and trains, on XLA through GoMLX, the models that
// github.com/owulveryck/onnx-go decodes. It is a back end of that library, so
// that a program written for it changes one line:
//
//	backend := onnxgo.NewBackend(onnxgo.Options{Device: "xla:cpu"})
//	defer backend.Close()
//	model := onnx.NewModel(backend)
//	err := model.UnmarshalBinary(data)
//	err = model.SetInput(0, x) // a tensor of gorgonia.org/tensor
//	err = backend.Run()
//	outputs, err := model.GetOutputTensors()
//
// The Backend records the graph that onnx-go builds into it, writes it down as an
// ONNX model again (Backend.Model) and hands that to package importer. What onnx-go
// does not pass on is restored where that is possible:
//
//   - The operator set version: Options.Opset, or what the forms of the operators
//     leave possible (see GuessOpset).
//   - Which leaves are inputs and which are initialisers, and which inputs SetInput
//     counts: initialisers that are also listed as inputs are not counted.
//   - Nodes that read a value twice, optional inputs left out, operators without
//     inputs, dimensions without a size.
//   - The types of inputs: float32 that holds integers is converted where the file
//     declares int32 or int64.
//   - The domain com.microsoft, from the operator's name, or from its form and the
//     model's version where the standard has one of that name too.
//
// What onnx-go itself cannot decode never reaches a back end: BOOL initialisers,
// 16-bit floats, most integer initialisers, external data, subgraphs (If, Loop,
// Scan), sequences and model-local functions; package importer runs such files
// without onnx-go.
//
// To train, Options.Trainable names the initialisers and Backend.Trainer gives a
// trainer of GoMLX for them (Backend.Store and Backend.ModelFunc are its parts, for
// loops of another form); Backend.Trained gives the result as an ONNX model.
//
// Run gives errors, not panics; what is unsupported is a *graphsurgery.UnsupportedError, what
// no ONNX file may hold a *graphsurgery.FormatError. A Backend holds one model and
// is not safe for concurrent use, as onnx.Model is not.
package onnxgo
