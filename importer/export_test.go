package importer

// Compiled tells tests how many programs a runner keeps.
func (r *Runner) Compiled() int { return len(r.compiled) }
