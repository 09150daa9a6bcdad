#include "convmae/train/run/report_observer.h"

#include <exception>

namespace convmae {

void ReportObserver::stepped(const StepRecord&, const Moment& now) {
  constexpr std::chrono::seconds kInterval{60};
  if (!now.gave_up && Clock::now() - written_ > kInterval) refresh(RunStatus::running);
}

bool ReportObserver::refresh(RunStatus status, const std::string& note) {
  written_ = Clock::now();
  try {
    write_(status, note);
    return true;
  } catch (const std::exception& error) {
    say_("warning: the report could not be written: " + std::string(error.what()));
    return false;
  }
}

}  // namespace convmae
