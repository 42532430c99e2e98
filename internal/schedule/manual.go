package schedule

import (
	"math"
	"time"
)

// Manual is the schedule of what is rotated on demand alone: by its own account it is due Never.
var Manual = &Schedule{manual: true}

// Never is later than every instant that a scheduler will see, and fits into a score of Redis, JSON and RFC 3339.
var Never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// forever is the time between two rotations of which the second one never comes.
const forever = time.Duration(math.MaxInt64)

// IsManual reports whether a person has to ask for each rotation.
func (s *Schedule) IsManual() bool { return s.manual }
