package bench

import (
	"math"
	"slices"
	"time"
)

// percentile returns the p-th percentile of sorted values by the nearest rank: the
// smallest value that at least p percent of them do not exceed. It is NaN if there
// are no values.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}

	rank := int(math.Ceil(p / 100 * float64(len(sorted))))

	return sorted[min(max(rank, 1), len(sorted))-1]
}

// slope returns the slope of the least-squares line through the points: by how much
// y grows with x. It is NaN unless there are at least two different values of x.
func slope(x, y []float64) float64 {
	n := float64(len(x))

	var sx, sy, sxx, sxy float64
	for i := range x {
		sx += x[i]
		sy += y[i]
		sxx += x[i] * x[i]
		sxy += x[i] * y[i]
	}

	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}

	return math.NaN()
}

// seconds returns durations in seconds, sorted.
func seconds(d []time.Duration) []float64 {
	s := make([]float64, len(d))
	for i := range d {
		s[i] = d[i].Seconds()
	}

	slices.Sort(s)

	return s
}
