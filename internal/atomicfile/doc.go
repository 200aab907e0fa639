// Package atomicfile makes a file appear whole or not at all.
//
// Call [WriteFile], or [Create] for output that is written in pieces; [CommitAll]
// for files that belong together. Bytes go to a temporary file in the target's
// folder, which is synced and then put under the target's name; a crash or an
// error leaves no new file and an existing one as it was. An existing file is refused unless Options.Force is set.
package atomicfile
