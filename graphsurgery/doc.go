// Package graphsurgery edits ONNX files safely.
//
// Start with [Load], or [NewModel] for an empty one; look around through Model.Graph; change things through a
// [Patch]; write with [Model.Save]:
//
//	m, err := graphsurgery.Load("model.onnx")
//	logits := m.Graph.Output("logits")
//	p := m.NewPatch("softmax on the logits")
//	p.InsertAfter(logits, p.Add("Softmax", p.Tap(logits), graphsurgery.Attrs{"axis": -1}))
//	err = p.Apply()
//	err = m.Save("model-probs.onnx")
//
// # Where to look
//
//   - What is in a model: [Graph.Nodes], [Graph.Values], [Node.Inputs], attributes by
//     [Node.Int] and the like, [Value.Producer], [Value.Uses], [Model.Graphs] for subgraphs and functions,
//     [Tensor.Float32s] for constants. A name that is not there gives nil.
//   - What types and shapes its values have: [Model.Infer].
//   - How to change it: [Model.NewPatch], then [Patch.Add] and [Patch.Initializer] for what is new,
//     [Patch.InsertAfter], [Patch.Replace], [Patch.Bypass], [Patch.Splice], [Patch.Rename] and others
//     for where it goes, [Patch.Apply] for all at once; [Model.SetInitializer] for values alone.
//   - How to take apart and put together: [Extract], [Merge].
//   - Is it valid: [Model.Check] in levels, [Model.Verify] for a yes or no.
//   - How to print or write one by hand: [Model.Text], [ParseText].
//   - How to store it: [Model.Save], [Model.SaveWith] for external data.
//
// The packages below build on it: passes transforms whole models, pattern finds shapes of
// nodes, recognize knows those of Transformers, diff compares two models, draw draws one, eval
// computes a node on constants.
//
// # What holds
//
// The decoded protobuf message is the truth: what nobody touches keeps its name,
// its place and its bytes, and a model that was not changed saves to the very
// bytes it was loaded from. A graph changes only through a Patch, which is
// checked where it is joined and applied whole or not at all.
//
// The weights of a model are never copied: they stay parts of the bytes that were
// loaded, or in files of external data until somebody asks for them, and are
// written from there. What loading may take is bounded by [Limits] before anything
// is allocated.
//
// Refused are broken files ([FormatError]), ONNX files over 2 GiB (weights in
// external data may take more; [Model.SaveWith] moves them there), files beyond a
// limit ([UnsupportedError]), and external data that is not a plain file beside
// the model.
// Operators that a model has are not judged: any domain and version can be edited;
// [Model.Check] judges them when asked. What a patch adds must keep the rules of its
// operators, where they are known.
package graphsurgery
