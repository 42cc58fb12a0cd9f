/** A choice of one name, or of any. Not shown where there is nothing to choose. */
export const ANY = "";

export interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChange: (name: string) => void;
  /** The name for screen readers, where the label is empty. */
  readonly title?: string;
  /** The text for no choice. */
  readonly any?: string;
}

export function Choice({ label, value, options, onChange, any = "any", title }: ChoiceProps) {
  if (options.length < 2) return null;
  return (
    <label class="choice">
      {label}
      <select
        {...(title === undefined ? {} : { "aria-label": title })}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        <option value={ANY}>{any}</option>
        {options.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
