// Package finetune trains the adapters of an injected model on labelled
// recordings, and nothing else in it.
//
// Start with [Train]:
//
//	set, err := data.Open("recordings/", data.Options{FrontEnd: frontEnd, Labels: labels})
//	run, err := finetune.Train(ctx, model, set, finetune.Config{
//		Out: "runs/birds", Backend: backend, Progress: finetune.Terminal(os.Stderr),
//	})
//	fmt.Println(run.Test.Accuracy)
//	trained, err := run.Model()
//
// The recipe is AAT's: AdamW with decoupled decay 0.05 on every trainable tensor,
// mean cross-entropy, a rate that shrinks by 0.85 each epoch from the sixth on,
// and the weights of the epoch with the best validation accuracy (of equal ones,
// the lower loss). The test split is measured once, at the end.
//
// # The run folder
//
//	config.json          recipe, backend, digests of model and recordings
//	model.onnx           the injected model, untrained
//	checkpoint.aat       newest state: values, moments, position, best so far
//	checkpoint.prev.aat  the state before it
//	best.aat             values of the best epoch
//	result.json          what the finished run gave; holds no time
//	log.jsonl            every event with its time
//	lock                 held while a process trains here
//
// Files appear whole or not at all. A run that was killed at any moment goes on
// with [Resume] to the bits that it would have reached; see [Train] for what a
// context does. One process at a time may train in a folder ([LockedError]);
// reading needs no lock.
//
// # What is refused
//
// A configuration with a value that cannot be used ([ConfigError]); a model
// without trainable tensors, with more than one input, or whose input or labels
// do not fit the recordings; a folder that holds a run already; a
// checkpoint that is damaged or belongs to another model, recipe or set of
// recordings ([CheckpointError]). Training stops at the first loss or gradient
// that is not finite ([DivergedError]), and nothing that is not finite is saved.
//
// A refused training leaves a former run and the folder as they were.
//
// [Evaluate] measures any model, [NewPredictor] answers recordings; [ReadSettings]
// tells what a run was started with.
package finetune
