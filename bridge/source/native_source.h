// bridge/source/native_source.h
//
// The time source of a client: a PTP slave port, the time base that carries its
// stamps and the estimator, joined. It shows the sampler a SourceView; a ptp4l
// companion will show the same.
#pragma once

#include <optional>

#include "bridge/estimate/offset_estimator.h"
#include "bridge/estimate/time_base.h"
#include "bridge/ptp/slave_port.h"

namespace bridge {}  // namespace bridge
