package bench

import (
	"sync"
	"time"
)

// moments are when what happened to whom. They are safe for concurrent use until
// they are read.
type moments struct {
	mu sync.Mutex
	at map[id]time.Time
}

func newMoments(n int) *moments { return &moments{at: make(map[id]time.Time, n)} }

// add says that it happens now.
func (m *moments) add(i id) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.at[i] = time.Now()
}

// latest returns, by the claim or pair that objects belong to, when the last of
// them became what was wanted.
func latest(at map[id]time.Time) map[id]time.Time {
	last := make(map[id]time.Time)

	for i, t := range at {
		i.kind = claims
		if t.After(last[i]) {
			last[i] = t
		}
	}

	return last
}

// between returns how long it took from one moment to the other for each that has
// both.
func between(from, to map[id]time.Time) []time.Duration {
	took := make([]time.Duration, 0, len(from))

	for i, began := range from {
		if ended, ok := to[i]; ok {
			took = append(took, ended.Sub(began))
		}
	}

	return took
}

// first returns the earliest moment.
func first(at map[id]time.Time) time.Time {
	var earliest time.Time

	for _, t := range at {
		if earliest.IsZero() || t.Before(earliest) {
			earliest = t
		}
	}

	return earliest
}

// last returns the latest moment.
func last(at map[id]time.Time) time.Time {
	var latest time.Time

	for _, t := range at {
		if t.After(latest) {
			latest = t
		}
	}

	return latest
}

// rate returns how many were done a second, from the first that was sent to the
// last that was done.
func rate(sent, done map[id]time.Time) float64 {
	return float64(len(done)) / last(done).Sub(first(sent)).Seconds()
}
