// Package data turns a folder or a table of labelled recordings into model
// input: labels, splits, features, and a report of everything left out.
//
// Start with [Open]. It reads one of
//
//   - a CSV file with the columns file, label and (if you decide the splits)
//     split; paths are relative to the CSV file and lie below its folder (links
//     there are followed), further columns are kept as groups of each [Item];
//   - a folder whose sub-folders are the labels;
//   - a folder with train, val and test folders, each holding label folders.
//
// Where the source names no splits, a seeded, stratified split is made, by file
// or by a group column (Options.GroupBy), so that recordings of one site or one
// speaker never stand on both sides.
//
// Open refuses, with a [DataError] that lists files and counts: no audio, a
// single label, an empty split, a file that does not exist, a label the model
// does not have, and more broken recordings than Options.MaxBadShare. Fewer
// broken recordings are skipped and listed in Set.Skipped. The same content in
// two splits, silent recordings and the like are Set.Warnings.
//
// A [Batcher] then gives batch i of epoch e as a pure function of a seed, e and
// i, so that training can stop and continue at any batch.
package data
