// Package passes holds whole-model transformations as values. A [Pass] looks at a
// model and writes its edits into one [graphsurgery.Patch]; the runner applies the
// patch, whole or not at all, and the model is verified each time.
//
// The first call to make is [Run]:
//
//	report, err := passes.Run(m, passes.Fold(passes.FoldOptions{}), passes.DeadNodes())
//
// A model in which a pass finds nothing to do keeps its bytes. Which pass must
// come before which, and why, is the table [Order]; Run refuses a list that
// contradicts it. [All] and [ByName] list the passes.
package passes
