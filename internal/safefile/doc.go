// Package safefile reads and writes files whose names come from untrusted input,
// such as the external data of an ONNX model, and only below one folder.
//
// [OpenRoot] takes the folder, [Root.ReadRange] and [Root.CopyRange] read part of a
// file in it, [Root.Create] writes one. Refused are absolute names, "..", names
// that are devices or addresses elsewhere, symbolic links anywhere on the way,
// anything that is not a regular file, files with more than one hard link, and
// ranges that do not lie inside the file.
package safefile
