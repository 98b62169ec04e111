package bench

import "time"

// Options configure what is measured, and with how many objects. The default of an
// option that is zero depends on Quick.
type Options struct {
	Quick bool     `help:"Use the sizes for a quick run of at most five minutes."`
	Only  []string `help:"Parts to measure: latency, requests, burst, steady, restart, rotation, function. Default: all." enum:"latency,requests,burst,steady,restart,rotation,function"`

	Latency      int           `help:"Number of claims to create one at a time. Default: 50; quick: 8." placeholder:"N"`
	Claims       []int         `help:"Numbers of claims, and of pairs of Bucket and User, to create at once. Default: 200,500; quick: 20." placeholder:"N"`
	Resources    []int         `help:"Numbers of resources at rest, half of them Buckets and half Users. Default: 200,1000,2000; quick: 40,80." placeholder:"N"`
	Rotation     int           `help:"Number of claims to rotate, and then to delete, at once. Default: 200; quick: 10." placeholder:"N"`
	Calls        int           `help:"Number of calls of the function. Default: 10000; quick: 1000." placeholder:"N"`
	PollInterval time.Duration `help:"Poll interval of the provider while resources are at rest. Default: 1m; quick: 5s." placeholder:"1m"`
	Window       time.Duration `help:"How long resources at rest are measured. Default: 3m; quick: 15s." placeholder:"3m"`
}

// complete returns the options with defaults.
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
