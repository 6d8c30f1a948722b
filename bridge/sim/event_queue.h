// bridge/sim/event_queue.h
//
// What happens when: events ordered by true time, then by insertion, so that a
// run is the same on every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "bridge/time/timestamp.h"

namespace bridge::sim {

class EventQueue {
 public:
  // Not in the past of what was run last.
  void At(TaiTime when, std::function<void()> what) {
    heap_.push({when, inserted_++, std::move(what)});
  }
  bool empty() const { return heap_.empty(); }
  TaiTime next() const { return heap_.top().when; }

  // Takes the earliest event out. The queue is not empty.
  std::function<void()> Pop() {
    // top() is const only to protect the order, which the action is no part of.
    auto what = std::move(const_cast<Event&>(heap_.top()).what);
    heap_.pop();
    return what;
  }

 private:
  struct Event {
    TaiTime when;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {  // The heap's top is the greatest.
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  std::priority_queue<Event> heap_;
  uint64_t inserted_ = 0;
};

}  // namespace bridge::sim
