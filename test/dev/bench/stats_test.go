package bench

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}

	cases := map[string]struct {
		reason string
		values []float64
		p      float64
		want   float64
	}{
		"None":            {"No values have no percentile, which is not 0.", nil, 50, math.NaN()},
		"One":             {"The only value is every percentile.", []float64{7}, 99, 7},
		"MedianOfTwo":     {"A percentile is one of the values.", []float64{1, 2}, 50, 1},
		"MedianOfThree":   {"The median is the value in the middle.", []float64{1, 2, 9}, 50, 2},
		"95OfTwenty":      {"19 of 20 values do not exceed it.", hundred[:20], 95, 19},
		"95OfFew":         {"Of three values, only the largest is not exceeded by 95 %.", []float64{1, 2, 9}, 95, 9},
		"99OfHundred":     {"99 of 100 values do not exceed it.", hundred, 99, 99},
		"HundredOfTen":    {"The 100th percentile is the largest value.", hundred[:10], 100, 10},
		"NothingOfTwenty": {"The 0th percentile is the smallest value.", hundred[:20], 0, 1},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, percentile(tc.values, tc.p), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%s\npercentile(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSlope(t *testing.T) {
	cases := map[string]struct {
		reason string
		x, y   []float64
		want   float64
	}{
		"None":     {"No points have no line.", nil, nil, math.NaN()},
		"Point":    {"One point has no slope.", []float64{200}, []float64{3}, math.NaN()},
		"Upright":  {"Points with the same x have no slope.", []float64{200, 200}, []float64{3, 4}, math.NaN()},
		"Line":     {"A constant part does not change the slope.", []float64{200, 1000, 2000}, []float64{110, 510, 1010}, .5},
		"Constant": {"Equal values have the slope 0.", []float64{200, 1000, 2000}, []float64{8, 8, 8}, 0},
		"Cloud":    {"The line has the least squares of the distances.", []float64{1, 2, 3}, []float64{1, 3, 2}, .5},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, slope(tc.x, tc.y), cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("%s\nslope(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSeconds(t *testing.T) {
	d := []time.Duration{2 * time.Second, 500 * time.Millisecond}
	if diff := cmp.Diff([]float64{.5, 2}, seconds(d)); diff != "" {
		t.Errorf("seconds(...): -want, +got:\n%s", diff)
	}

	if d[0] != 2*time.Second {
		t.Error("seconds(...) changes the order of its argument")
	}
}
