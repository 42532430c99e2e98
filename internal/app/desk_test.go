package app

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

func TestADeskGoesByRedissClockOnAMachineThatIsAnHourFast(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	rdb.AddHook(behind{})
	d, err := NewDesk(t.Context(), &config.Config{}, rdb, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ahead := (rotation.WallClock{}).Now().Sub(d.Clock.Now()); ahead < 55*time.Minute || ahead > 65*time.Minute {
		t.Errorf("the machine is %v ahead of the desk", ahead)
	}
	if _, ok := d.Acts.(operate.Jobs); !ok || d.Truth != nil || d.Adopter != nil {
		t.Errorf("without Vault a worker acts: %T, %v, %v", d.Acts, d.Truth, d.Adopter)
	}
}

func TestADeskWithoutRedisHasATime(t *testing.T) {
	t.Parallel()
	d, err := NewDesk(t.Context(), &config.Config{}, nil, nil)
	if err != nil || d.Clock.Now().IsZero() || d.Queue != nil {
		t.Errorf("%+v, %v", d, err)
	}
}
