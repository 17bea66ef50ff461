// Decisions of the priority stack.
#include <fmt/format.h>

#include <algorithm>

#include "plugin/builtin.hpp"
#include "plugin/host_state.hpp"
#include "plugin/stack.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

/// A ranking of pairs under way. Holds the layers it began with, whatever becomes of the stack meanwhile.
struct Host::State::Decision {
  std::vector<Layer> layers;
  std::vector<std::optional<ScoreAnswer>> answers;  ///< nullopt: faulty, dropped from this decision
  std::size_t pending = 0;
  std::vector<path::PathView> paths;
  std::function<void(Host::PairRanking)> done;
};

namespace {

std::string text_of(const std::vector<Layer>& layers) {
  if (layers.empty()) return "builtin";
  if (layers.size() == 1) return layers.front().plugin->name();
  std::string text;
  for (const Layer& layer : layers) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", layer.plugin->name(), layer.weight_per_mille);
  }
  return text;
}

}  // namespace

void Host::State::finish(Decision& decision) {
  std::vector<LayerAnswer> answers;
  std::vector<Layer> used;
  Host::PairRanking ranking;
  for (std::size_t i = 0; i < decision.layers.size(); ++i) {
    auto& answer = decision.answers[i];
    if (!answer) continue;
    const Layer& layer = decision.layers[i];
    used.push_back(layer);
    answers.push_back({layer.plugin->name(), layer.weight_per_mille, std::move(answer->scores)});
    if (!answer->ask_again_after) continue;
    const Duration wish = *answer->ask_again_after;
    ranking.ask_again_after = std::min(ranking.ask_again_after.value_or(wish), wish);
  }
  ranking.scores = answers.empty() ? builtin_score(decision.paths) : combine(answers, decision.paths);
  ranking.stack = text_of(used);
  decision.done(std::move(ranking));
}

std::string Host::State::stack_text() const { return text_of(stack); }

std::string Host::State::parameters_of(const Loaded& plugin) const {
  const auto given = parameters.find(plugin.name());
  return given == parameters.end() ? std::string() : given->second;
}

void Host::State::rank_candidates(std::vector<ice::Candidate> candidates, Now now,
                                  std::function<void(std::vector<std::uint32_t>)> done) {
  // Priorities of candidates are not blended: the first layer that gives them is followed.
  struct Question {
    std::vector<ice::Candidate> candidates;
    DecisionInput input;
    std::vector<Layer> layers;
    std::size_t next = 0;
    RankAnswer answer;
    std::function<void(std::vector<std::uint32_t>)> done;
  };
  auto question = std::make_shared<Question>();
  question->candidates = std::move(candidates);
  question->input = {.now = now, .seed = options.seed + ++decisions};
  question->input.interfaces = interfaces;
  question->layers = stack;
  question->done = std::move(done);

  // Asks the next layer until one has answered; each step holds the question, none holds itself.
  struct Step {
    static void ask(const std::shared_ptr<State>& state, const std::shared_ptr<Question>& q, Now at) {
      if (q->next == q->layers.size()) return q->done(builtin_rank(q->candidates));
      const LoadedPtr plugin = q->layers[q->next++].plugin;
      const std::weak_ptr<State> weak = state;
      q->input.configuration = state->parameters_of(*plugin);
      auto work = [q](Instance& instance) {
        q->answer = ask_ranks(instance, q->input, q->candidates);
        return q->answer.status;
      };
      state->call(plugin, at, std::move(work), [weak, q, plugin, at](std::optional<cw_status> status) {
        const auto alive = weak.lock();
        if (!alive) return;
        if (status == CW_OK && q->answer.out_of_range == 0) {
          plugin->faults_in_a_row = 0;
        } else if (status == CW_OK) {
          alive->on_fault(plugin,
                          fmt::format("{} candidate priorities out of range", q->answer.out_of_range));
        } else if (status && *status != CW_ERROR_NOT_SUPPORTED) {
          alive->on_fault(plugin, fmt::format("ranking candidates failed ({})", status_text(*status)));
        }
        if (alive->is_taken_back(plugin)) {
          q->layers[--q->next].plugin = plugin->reserve.lock();
          return ask(alive, q, at);
        }
        if (status == CW_OK) return q->done(std::move(q->answer.priorities));
        ask(alive, q, at);
      });
    }
  };
  Step::ask(shared_from_this(), question, now);
}

void Host::State::score_paths(const RankedPeer& peer, std::vector<path::PathView> paths, Now now,
                              std::function<void(PairRanking)> done) {
  auto decision = std::make_shared<Decision>();
  decision->layers = stack;
  decision->answers.resize(stack.size());
  decision->pending = stack.size();
  decision->paths = std::move(paths);
  decision->done = std::move(done);
  if (decision->pending == 0) return finish(*decision);

  const DecisionInput input{.now = now,
                            .seed = options.seed + ++decisions,
                            .peer = peer.name,
                            .configuration = {},
                            .tier = peer.tier,
                            .interfaces = interfaces};
  // By the decision's own copy: a layer that fails at once changes the stack while this goes on.
  for (std::size_t i = 0; i < decision->layers.size(); ++i)
    ask_layer(decision, i, input);
}

void Host::State::ask_layer(const std::shared_ptr<Decision>& decision, std::size_t layer,
                            DecisionInput input) {
  const LoadedPtr plugin = decision->layers[layer].plugin;
  const std::weak_ptr<State> weak = weak_from_this();
  auto answer = std::make_shared<ScoreAnswer>();
  input.configuration = parameters_of(*plugin);
  const Now now = input.now;
  auto work = [decision, input, answer](Instance& instance) {
    *answer = ask_scores(instance, input, decision->paths);
    return answer->status;
  };
  auto settled = [weak, decision, answer, plugin, layer, input](std::optional<cw_status> status) {
    const auto state = weak.lock();
    if (!state) return;
    if (status == CW_OK && answer->out_of_range > 0) {
      state->on_fault(plugin, fmt::format("{} scores out of range, clamped", answer->out_of_range));
    } else if (status && *status != CW_OK) {
      state->on_fault(plugin, fmt::format("scoring pairs failed ({})", status_text(*status)));
    } else if (status) {
      plugin->faults_in_a_row = 0;
      // No pairs, no decision.
      if (plugin->replacement && !decision->paths.empty()) state->on_proof(plugin, input.now);
    }
    if (state->is_taken_back(plugin)) {
      decision->layers[layer].plugin = plugin->reserve.lock();
      return state->ask_layer(decision, layer, input);
    }
    if (status == CW_OK) decision->answers[layer] = std::move(*answer);
    if (--decision->pending == 0) finish(*decision);
  };
  call(plugin, now, std::move(work), std::move(settled));
}

/// It failed before it had answered anything, and the generation before is in its place.
bool Host::State::is_taken_back(const LoadedPtr& plugin) const {
  const LoadedPtr old = plugin->reserve.lock();
  return old && old->state == InstanceState::active && plugin->state != InstanceState::active;
}

}  // namespace causeway::plugin
