// Package adapterinject finds the Transformer blocks of an ONNX model and
// splices adapters into them.
//
// The first call to make is [Find]: it gives the blocks and a report on every
// candidate that is none. [Plan] says what a recipe would add to a model, and
// [InjectionPlan.Inject] adds it:
//
//	m, err := graphsurgery.Load("model.onnx")
//	plan, err := adapterinject.Plan(m, adapterinject.AAT{}, adapterinject.Head{Labels: labels})
//	fmt.Print(plan)                             // sites, parameters, share
//	adapted, err := plan.Inject()               // m itself is not changed
//	err = adapterinject.CheckNoop(m, adapted)   // nothing computes otherwise yet
//
// The method is AAT (arXiv 2401.10544). With tokens X, the frozen block
//
//	X'  = X  + MHSA(LN1(X))
//	X'' = X' + MLP(LN2(X'))
//
// becomes, with A(z) = GELU(z·W_down + b_down)·W_up + b_up,
//
//	H   = MHSA(LN1(X)),  X'  = X  + (H + A_s(H))        spatial adapter
//	Z   = LN2(X'),       X'' = X' + (MLP(Z) + s·A_m(Z)) MLP adapter
//
// W_up and b_up begin as zero, so that an injected model computes what its base
// does. Everything added is ordinary ONNX under the prefix "aat/"; its
// initialisers are what is trained, see [Trainable].
//
// Refused with *graphsurgery.UnsupportedError: models without a block (the text
// says why each candidate is none), models that hold adapters already, weights
// that are not float32, opsets before 9, and, for a new head, models whose
// output is not one linear layer's [batch, classes].
package adapterinject
