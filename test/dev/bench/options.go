package bench

import "time"

// Options say what to measure, and how much of it. What is zero is chosen by
// Quick.
type Options struct {
	Quick bool     `help:"Sizes that end within five minutes, for every day."`
	Only  []string `help:"Parts to measure: latency, burst, steady, restart, rotation, function. Default all." enum:"latency,burst,steady,restart,rotation,function"`

	Latency      int           `help:"How many claims to make one at a time: 50; quick 8." placeholder:"N"`
	Claims       []int         `help:"How many claims, and pairs of Bucket and User, to make at once: 200,500; quick 20." placeholder:"N"`
	Resources    []int         `help:"How many resources, half of them Buckets and half Users, to leave alone: 200,1000,2000; quick 40,80." placeholder:"N"`
	Rotation     int           `help:"How many claims to rotate, and then to delete, at once: 200; quick 10." placeholder:"N"`
	Calls        int           `help:"How many calls of the function: 10000; quick 1000." placeholder:"N"`
	PollInterval time.Duration `help:"The provider's, while resources are left alone: 1m; quick 5s." placeholder:"1m"`
	Window       time.Duration `help:"How long resources are left alone: 3m; quick 15s." placeholder:"3m"`
}

// complete fills in what nobody asked for.
func (o Options) complete() Options {
	d := Options{
		Latency: 50, Claims: []int{200, 500}, Resources: []int{200, 1000, 2000}, Rotation: 200, Calls: 10000,
		PollInterval: time.Minute, Window: 3 * time.Minute,
	}
	if o.Quick {
		d = Options{
			Latency: 8, Claims: []int{20}, Resources: []int{40, 80}, Rotation: 10, Calls: 1000,
			PollInterval: 5 * time.Second, Window: 15 * time.Second,
		}
	}

	for _, n := range []struct{ given, otherwise *int }{
		{&o.Latency, &d.Latency}, {&o.Rotation, &d.Rotation}, {&o.Calls, &d.Calls},
	} {
		if *n.given <= 0 {
			*n.given = *n.otherwise
		}
	}

	for _, n := range []struct{ given, otherwise *[]int }{{&o.Claims, &d.Claims}, {&o.Resources, &d.Resources}} {
		if len(*n.given) == 0 {
			*n.given = *n.otherwise
		}
	}

	for _, n := range []struct{ given, otherwise *time.Duration }{
		{&o.PollInterval, &d.PollInterval}, {&o.Window, &d.Window},
	} {
		if *n.given <= 0 {
			*n.given = *n.otherwise
		}
	}

	return o
}
