// Package adapterinject finds the Transformer blocks of an ONNX model and
// splices adapters into them.
//
// The first call to make is [Find]: it gives the blocks and a report on every
// candidate that is none. [Plan] says what a recipe would add to a model, and
// [InjectionPlan.Inject] adds it:
//
//	m, err := graphsurgery.Load("model.onnx")
//	plan, err := adapterinject.Plan(m, aat.Recipe{}, adapterinject.Head{Labels: labels})
//	fmt.Print(plan)                             // sites, parameters, share
//	adapted, err := plan.Inject()               // m itself is not changed
//	err = adapterinject.CheckNoop(m, adapted)   // nothing computes otherwise yet
//
// Which adapters, says a [Recipe]: each kind is a package below this one, and
// package kinds lists them all.
//
// What is trained begins so that an injected model computes what its base does:
// up-projections and offsets as zero, gains as one. Everything added is ordinary ONNX under the prefix "aat/"; its
// initialisers are what is trained, see [Trainable].
//
// Refused with *graphsurgery.UnsupportedError: models without a block (the text
// says why each candidate is none), models that hold adapters already, weights
// that are integers, opsets before 9, and, for a new head, models whose
// output is not one linear layer's [batch, classes].
package adapterinject
