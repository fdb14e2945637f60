// The schedules of gossamer/schedule.h, under the names of cerebras.pytorch.sparse.
#pragma once

#include "gossamer/schedule.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

using gossamer::MinMaxEnd;
using gossamer::Schedule;
using gossamer::ScheduleTime;
using gossamer::UpdateSchedule;
using schedule::Constant;
using schedule::Cosine;
using schedule::Cubic;
using schedule::Cycling;
using schedule::Exp;
using schedule::Lambda;
using schedule::Linear;
using schedule::Power;

}  // namespace gossamer::sparse
#pragma GCC visibility pop
