in vec3 in_position; in vec3 in_normal; in vec3 in_local;
in float in_kind; in vec3 in_colour; in vec3 in_second; in float in_frequency;
uniform mat4 view_projection;
out vec3 world; out vec3 normal; out vec3 local;
flat out int kind; flat out vec3 colour; flat out vec3 second; flat out float frequency;
void main() {
  world = in_position; normal = in_normal; local = in_local;
  kind = int(in_kind + 0.5); colour = in_colour; second = in_second; frequency = in_frequency;
  gl_Position = view_projection * vec4(in_position, 1.0);
}
