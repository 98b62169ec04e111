package bench

import (
	"sync"
	"time"
)

// timestamps are the times of an event by object. Concurrent calls of add are safe;
// at must not be read before they have returned.
type timestamps struct {
	mu sync.Mutex
	at map[id]time.Time
}

func newTimestamps(n int) *timestamps { return &timestamps{at: make(map[id]time.Time, n)} }

// add records that the event happens to an object now.
func (m *timestamps) add(i id) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.at[i] = time.Now()
}

// latest returns the latest time among the objects of each claim or pair, by the ID
// of the claim or pair.
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

// between returns the durations from one time to the other, of the objects that
// have both.
func between(from, to map[id]time.Time) []time.Duration {
	took := make([]time.Duration, 0, len(from))

	for i, began := range from {
		if ended, ok := to[i]; ok {
			took = append(took, ended.Sub(began))
		}
	}

	return took
}

// first returns the earliest time.
func first(at map[id]time.Time) time.Time {
	var earliest time.Time

	for _, t := range at {
		if earliest.IsZero() || t.Before(earliest) {
			earliest = t
		}
	}

	return earliest
}

// last returns the latest time.
func last(at map[id]time.Time) time.Time {
	var latest time.Time

	for _, t := range at {
		if t.After(latest) {
			latest = t
		}
	}

	return latest
}

// rate returns how many objects were done a second, from the first request that was
// sent to the last object that was done.
func rate(sent, done map[id]time.Time) float64 {
	return float64(len(done)) / last(done).Sub(first(sent)).Seconds()
}
