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
    size_t slot = actions_.size();
    if (free_.empty()) {
      actions_.push_back(std::move(what));
    } else {
      slot = free_.back();
      free_.pop_back();
      actions_[slot] = std::move(what);
    }
    heap_.push({when, inserted_++, slot});
  }
  bool empty() const { return heap_.empty(); }
  TaiTime next() const { return heap_.top().when; }

  // Takes the earliest event out. The queue is not empty.
  std::function<void()> Pop() {
    const size_t slot = heap_.top().slot;
    heap_.pop();
    free_.push_back(slot);
    return std::exchange(actions_[slot], nullptr);
  }

 private:
  // Small, because a heap moves its elements about: the action stays in its slot.
  struct Event {
    TaiTime when;
    uint64_t order;
    size_t slot;
    bool operator<(const Event& other) const {  // The heap's top is the greatest.
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  std::priority_queue<Event> heap_;
  std::vector<std::function<void()>> actions_;
  std::vector<size_t> free_;
  uint64_t inserted_ = 0;
};

}  // namespace bridge::sim
