// Package trainbench measures AAT training steps of one model, and beside them,
// in turn and each in a process of its own, those of another implementation.
//
// A side is a program that says what it is in one line of JSON, answers each line
// with a number on its standard input by that many steps, and ends with its input
// and its largest memory. [Serve] is our side; testdata/gen/bench_train.py is
// PyTorch's. [Measure] drives both and [Result] has what came out.
package trainbench
