// What a peer tells of its choices while they are recorded.

#include <algorithm>

#include "peer/peer.hpp"

namespace causeway::peer {

void Peer::begin_telling(Now now) {
  if (!agent_) return;
  PathChoice choice{.kind = PathChoice::Kind::stands, .now = now};
  choice.paths = views(now);
  choice.input = paths_.choice(agent_->role(), *agent_, now.steady);
  choice.standing = paths_.chooser().standing();
  tell(std::move(choice));
  // An answer under way was asked before: another one takes its place.
  ask_for_scores(now);
  run(now);
}

void Peer::tell_choice(path::PathChooser::Input input, std::optional<ice::PairId> before,
                       const path::Selection& selection, Now now) {
  PathChoice choice{.kind = PathChoice::Kind::chosen, .now = now};
  choice.paths = paths_.views(*agent_);
  choice.input = std::move(input);
  choice.selection = selection;
  const auto is_before = [&](const path::PathView& view) { return ice::PairId{view.id} == before; };
  const auto left = before ? agent_->pair(*before) : std::nullopt;
  if (left && std::none_of(choice.paths.begin(), choice.paths.end(), is_before)) {
    choice.gone = static_cast<std::uint32_t>(*before);
    choice.paths.push_back({.id = *choice.gone,
                            .local = left->local,
                            .remote = left->remote,
                            .pair_priority = left->priority,
                            .measured = {},
                            .since = {}});
  }
  tell(std::move(choice));
}

void Peer::tell(PathChoice choice) {
  if (context_.tells_choices) actions_.emplace_back(std::make_shared<const PathChoice>(std::move(choice)));
}

}  // namespace causeway::peer
