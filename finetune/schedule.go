package finetune

import "math"

// learningRate is the rate of an epoch, counted from 0: lr for the epochs before
// DecayFrom, then one factor Decay more for each. With DecayFrom 5 and Decay 0.85
// it is lr·0.85^max(0, epoch−4), the schedule of AST's and AAT's training code
// (MultiStepLR with milestones 5, 6, 7, …, stepped after each epoch).
func (c Config) learningRate(epoch int) float64 {
	return c.LearningRate * math.Pow(c.Decay, float64(max(0, epoch-c.DecayFrom+1)))
}
